//! Threads that read questions one after the other, and the bounded queue before them.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{mpsc, oneshot};

use crate::engine::recall::embed::EmbedError;

type Answer = Result<Vec<f32>, EmbedError>;

struct Job {
    text: String,
    answer: oneshot::Sender<Answer>,
}

/// Threads and their queue. The threads end when it is dropped.
pub(super) struct Workers {
    jobs: mpsc::Sender<Job>,
}

impl Workers {
    /// Starts `threads` of them; each makes what it works with and then calls it for every text.
    pub(super) fn start<W>(threads: usize, queue: usize, worker: impl Fn() -> W) -> io::Result<Self>
    where
        W: FnMut(&str) -> Answer + Send + 'static,
    {
        let (jobs, waiting) = mpsc::channel(queue.max(1));
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..threads.max(1) {
            let (waiting, mut worker) = (waiting.clone(), worker());
            let thread = std::thread::Builder::new().name(format!("embed-{number}"));
            thread.spawn(move || work(&waiting, &mut worker))?;
        }
        Ok(Self { jobs })
    }

    /// The vector of a text, when its turn has come.
    ///
    /// # Errors
    /// [`EmbedError::Busy`] at once when the queue is full. Safe to drop: a text that nobody waits for any more is not
    /// read.
    pub(super) async fn vector(&self, text: &str) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.jobs.try_send(Job { text: text.into(), answer }).map_err(|_| EmbedError::Busy)?;
        answered.await.unwrap_or_else(|_| Err(EmbedError::Unusable("its thread has ended".into())))
    }
}

fn work(waiting: &Mutex<mpsc::Receiver<Job>>, worker: &mut impl FnMut(&str) -> Answer) {
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(Job { text, answer }) = job else { return };
        if !answer.is_closed() {
            let _ = answer.send(worker(&text));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
    };

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_full_queue_is_said_at_once_and_what_nobody_waits_for_is_not_read() {
        let (gate, read) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));
        let workers = Workers::start(1, 2, || {
            let (gate, read) = (gate.clone(), read.clone());
            move |_: &str| {
                gate.wait();
                read.fetch_add(1, SeqCst);
                gate.wait();
                Ok(vec![1.0])
            }
        });
        let workers = workers.expect("a thread");
        let pass = async || {
            let gate = gate.clone();
            tokio::task::spawn_blocking(move || gate.wait()).await.expect("it passes");
        };
        let first = workers.vector("a");
        tokio::pin!(first);
        assert!(first.as_mut().now_or_never().is_none());
        pass().await;
        let (mut second, mut third) = (Box::pin(workers.vector("b")), Box::pin(workers.vector("c")));
        assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());
        assert!(matches!(workers.vector("d").await, Err(EmbedError::Busy)));
        drop(second);
        pass().await;
        assert_eq!(first.await.ok(), Some(vec![1.0]));
        pass().await;
        pass().await;
        assert_eq!((third.await.ok(), read.load(SeqCst)), (Some(vec![1.0]), 2));
    }
}
