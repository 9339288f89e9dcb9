//! One WebSocket, from its first word to its last.
//!
//! One task holds it: it alone reads and writes, so that nothing overtakes. Questions run beside it and tell it what to say
//! over a short queue; when the client reads slowly the queue is full, the questions wait, and in the end the client is cut.
//! What still waits in the queue of a question that was cancelled is not said: its `end` is the last of it.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt, stream::FuturesUnordered};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        error::ProtocolError,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    Bounds, End, Meters,
    ask::{Asking, Event, Numbered},
    hub::{Hub, Revision},
    message::{self, Said},
};
use crate::{
    api::{
        openai::{chat::Chat, error::ApiError},
        status::report::Report,
    },
    engine::asked::Caller,
};

/// Messages of all questions of a connection that wait to be sent.
const QUEUE: usize = 64;
/// Answers of a connection whose revisions are passed on.
const REMEMBERED: usize = 64;
/// A client that is told to go has this long to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// What the protocol's own buffers may hold.
pub(super) fn config(bounds: &Bounds) -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(bounds.message))
        .max_frame_size(Some(bounds.message))
        .read_buffer_size(4 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(1 << 20)
}

/// One client.
pub(super) struct Connection {
    chat: Arc<Chat>,
    hub: Arc<Hub>,
    bounds: Bounds,
    caller: Caller,
    meters: Arc<Meters>,
    /// Questions under way.
    asking: HashMap<String, UnderWay>,
    /// Questions so far.
    asked: u64,
    /// The latest answers: trace id and question.
    given: VecDeque<(Arc<str>, String)>,
    /// Revisions that came while questions were under way: one of them may be of an answer that is still being told.
    early: VecDeque<Revision>,
    /// Questions that nobody could answer.
    degraded: VecDeque<String>,
    flood: Flood,
    heard: Instant,
}

impl Connection {
    pub(super) fn new(chat: Arc<Chat>, hub: Arc<Hub>, bounds: Bounds, caller: Caller, meters: Arc<Meters>) -> Self {
        let now = Instant::now();
        let flood = Flood { rate: bounds.messages.0, burst: bounds.messages.1, left: bounds.messages.1, at: now };
        let (asking, given, early, degraded) = (HashMap::new(), VecDeque::new(), VecDeque::new(), VecDeque::new());
        Self { chat, hub, bounds, caller, meters, asking, asked: 0, given, early, degraded, flood, heard: now }
    }

    /// A question is under way from now on: what is to run beside, and what ends it.
    fn begin(&mut self, id: String, body: String, events: mpsc::Sender<Numbered>) -> (Asking, CancellationToken) {
        self.asked += 1;
        self.meters.questions.inc();
        let (number, cancelled) = (self.asked, CancellationToken::new());
        self.asking.insert(id.clone(), UnderWay { number, cancelled: cancelled.clone() });
        let (chat, hub, caller) = (self.chat.clone(), self.hub.clone(), self.caller.clone());
        (Asking { chat, hub, caller, id, number, body, events }, cancelled)
    }

    /// Serves it until either side ends it.
    pub(super) async fn run<S>(mut self, mut socket: WebSocketStream<S>, stopping: CancellationToken) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let end = match self.converse(&mut socket, &stopping).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        self.asking.values().for_each(|it| it.cancelled.cancel());
        let frame = close_frame(end);
        // One that does not read does not hear this either.
        if let Some(frame) = frame {
            let _ = timeout(GOODBYE, async {
                socket.close(Some(frame)).await?;
                while let Some(Ok(_)) = socket.next().await {}
                Ok::<_, Error>(())
            })
            .await;
        }
        end
    }

    async fn converse<S>(
        &mut self,
        socket: &mut WebSocketStream<S>,
        stopping: &CancellationToken,
    ) -> Result<std::convert::Infallible, End>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let (mut status, mut revisions) = (self.hub.status(), self.hub.revisions());
        let (told, mut telling) = mpsc::channel(QUEUE);
        let (mut questions, mut stops) = (FuturesUnordered::new(), false);
        let mut pings = tokio::time::interval(self.bounds.ping);
        pings.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        pings.reset();
        let welcome = message::welcome(&status.borrow_and_update(), &self.chat.engine.messages.load().page);
        self.say(socket, welcome).await?;
        loop {
            if stops && self.asking.is_empty() {
                return Err(End::Stopping);
            }
            tokio::select! {
                heard = socket.next() => {
                    if let Some(said) = self.hear(socket, heard).await? {
                        match self.take(said, stops) {
                            Wish::Ask { id, body } => {
                                let (asking, cancelled) = self.begin(id.clone(), body, told.clone());
                                questions.push(async move {
                                    tokio::select! {
                                        () = asking.run() => None,
                                        () = cancelled.cancelled() => Some(id),
                                    }
                                }.boxed());
                            }
                            Wish::Say(message) => self.say(socket, message).await?,
                            Wish::Nothing => {}
                        }
                    }
                }
                Some(event) = telling.recv() => self.tell(socket, event).await?,
                Some(cancelled) = questions.next(), if !questions.is_empty() => {
                    if let Some(id) = cancelled {
                        self.asking.remove(&id);
                        let over = json!({ "type": "end", "id": id, "finish_reason": "cancelled" });
                        self.say(socket, over).await?;
                    }
                }
                Ok(()) = status.changed() => {
                    let report = status.borrow_and_update().clone();
                    self.stand(socket, &report).await?;
                }
                Ok(revision) = revisions.recv() => self.revise(socket, &revision).await?,
                _ = pings.tick() => self.ping(socket).await?,
                // Questions under way are finished; the head of the loop sees when they are.
                () = stopping.cancelled(), if !stops => stops = true,
            }
        }
    }

    /// One frame; `None` when there is nothing to do about it.
    async fn hear<S>(
        &mut self,
        socket: &mut WebSocketStream<S>,
        heard: Option<Result<Message, Error>>,
    ) -> Result<Option<Result<Said, String>>, End>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        self.heard = Instant::now();
        match heard {
            None | Some(Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_))) => Err(End::Client),
            Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => Err(End::Client),
            Some(Err(_)) => Err(End::Garbled),
            Some(Ok(Message::Close(_))) => {
                let _ = timeout(self.bounds.slow, socket.flush()).await;
                Err(End::Client)
            }
            Some(Ok(message)) => {
                if !self.flood.bears(self.heard) {
                    return Err(End::Flood);
                }
                match message {
                    Message::Text(text) => Ok(Some(Said::read(&text))),
                    Message::Binary(_) => Ok(Some(Err("messages are text, not binary".into()))),
                    // The library answers pings by itself; a pong only shows that somebody is there.
                    _ => Ok(None),
                }
            }
        }
    }

    fn take(&mut self, said: Result<Said, String>, stopping: bool) -> Wish {
        match said {
            Err(why) => Wish::Say(message::error(None, &ApiError::invalid(None, Some("invalid_message"), why))),
            Ok(Said::Ping) => Wish::Say(json!({ "type": "pong" })),
            Ok(Said::Cancel { id }) => {
                if let Some(asking) = self.asking.get(&id) {
                    asking.cancelled.cancel();
                }
                Wish::Nothing
            }
            Ok(Said::Ask { id, .. }) if stopping => Wish::Say(message::error(Some(&id), &ApiError::stopping())),
            Ok(Said::Ask { id, .. }) if self.asking.contains_key(&id) => {
                let why = "A question with this id is under way. Give each question an id of its own.";
                Wish::Say(message::error(Some(&id), &ApiError::invalid(Some("id"), Some("duplicate_id"), why)))
            }
            Ok(Said::Ask { id, .. }) if self.asking.len() >= self.bounds.questions => {
                Wish::Say(message::error(Some(&id), &ApiError::too_many_questions(self.bounds.questions)))
            }
            Ok(Said::Ask { id, body }) => Wish::Ask { id, body },
        }
    }

    async fn tell<S>(&mut self, socket: &mut WebSocketStream<S>, (number, event): Numbered) -> Result<(), End>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        if !self.asking.values().any(|it| it.number == number) {
            return Ok(());
        }
        match event {
            Event::Say(message) => self.say(socket, message).await?,
            Event::Over { id, last, trace_id, degraded } => {
                self.asking.remove(&id);
                self.say(socket, last).await?;
                if degraded {
                    push(&mut self.degraded, id.clone());
                }
                let early = self.early.iter().find(|early| Some(&early.trace_id) == trace_id.as_ref()).cloned();
                trace_id.into_iter().for_each(|trace_id| push(&mut self.given, (trace_id, id.clone())));
                if self.asking.is_empty() {
                    self.early.clear();
                }
                if let Some(early) = early {
                    self.revise(socket, &early).await?;
                }
            }
        }
        Ok(())
    }

    /// The status has changed; those who got no real answer hear when they can have one.
    async fn stand<S>(&mut self, socket: &mut WebSocketStream<S>, report: &Report) -> Result<(), End>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let message = message::status(report, &self.chat.engine.messages.load().page);
        self.say(socket, message).await?;
        if report.answers() && !self.degraded.is_empty() {
            let ids: Vec<_> = self.degraded.drain(..).collect();
            self.say(socket, message::back(&ids)).await?;
        }
        Ok(())
    }

    async fn revise<S>(&mut self, socket: &mut WebSocketStream<S>, revision: &Revision) -> Result<(), End>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let Some((trace_id, id)) = self.given.iter().find(|(trace_id, _)| *trace_id == revision.trace_id) else {
            if !self.asking.is_empty() {
                push(&mut self.early, revision.clone());
            }
            return Ok(());
        };
        let message = message::revision(id, trace_id, &revision.text);
        self.say(socket, message).await
    }

    async fn ping<S>(&mut self, socket: &mut WebSocketStream<S>) -> Result<(), End>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        if self.heard.elapsed() >= self.bounds.ping * 2 {
            return Err(End::Silent);
        }
        self.send(socket, Message::Ping(Bytes::new())).await
    }

    async fn say<S>(&self, socket: &mut WebSocketStream<S>, message: Value) -> Result<(), End>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        self.send(socket, Message::text(message.to_string())).await
    }

    /// A client that does not read in time is not worth the memory.
    async fn send<S>(&self, socket: &mut WebSocketStream<S>, message: Message) -> Result<(), End>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        match timeout(self.bounds.slow, socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Client),
            Err(_) => Err(End::Slow),
        }
    }
}

/// A question under way.
struct UnderWay {
    /// Tells it from another with the same id, before or after it.
    number: u64,
    cancelled: CancellationToken,
}

/// What follows from what a client said.
enum Wish {
    Ask { id: String, body: String },
    Say(Value),
    Nothing,
}

/// The newest stay.
fn push<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() == REMEMBERED {
        list.pop_front();
    }
    list.push_back(item);
}

/// How a client is told to go; `None` when it is gone, or does not read.
fn close_frame(end: End) -> Option<CloseFrame> {
    let (code, reason) = match end {
        End::Client | End::Slow | End::Silent => return None,
        End::Flood => (CloseCode::Policy, "too many messages; wait before you connect again"),
        End::Garbled => (CloseCode::Protocol, "this is not a message of the protocol, or it is too long"),
        End::Stopping => (CloseCode::Away, "this node is stopping; connect to another"),
    };
    Some(CloseFrame { code, reason: reason.into() })
}

/// How much a client may send.
struct Flood {
    rate: f64,
    burst: f64,
    left: f64,
    at: Instant,
}

impl Flood {
    /// Takes one message.
    fn bears(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * self.rate).min(self.burst) - 1.0;
        self.at = now;
        self.left >= 0.0
    }
}
