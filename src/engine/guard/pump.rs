//! A stream that is held until it is checked, some tokens at a time.
//!
//! Events come in as the model writes them and go out once their words have passed. The last few characters are always held
//! back for the next look, so that what stands across two looks is found as well. The events that open an answer go out with
//! its first words, so that one that may not be said at all is replaced as a whole; where no words follow (a tool is called),
//! they are let out.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::oneshot;

use super::{
    guardrail::Side,
    over::{Held, Over, Verdict},
    passage::{floor, tokens},
    revise::Watch,
};
use crate::{
    engine::completion::{self, words_of_event},
    store::Shape,
    tasks::Tasks,
};

/// What is held back for the next look: longer than a card number or most addresses. Unit: bytes.
const TAIL: usize = 48;

/// More events than this do not open an answer: one without words is on its way.
const OPENING: usize = 6;

/// What is to be done with a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Flow {
    /// These events may go out; the stream goes on.
    Out(Vec<Bytes>),
    /// It ends here, with these words.
    Cut(String),
}

/// One stream on its way.
pub struct Pump<'a> {
    over: &'a Over,
    question: &'a str,
    watch: &'a Arc<Watch>,
    tasks: &'a Tasks,
    /// Events that have not gone out, each with where its words end in `text`.
    waiting: Vec<(Bytes, usize)>,
    text: String,
    /// How much of it has been looked at already: what was held back.
    looked: usize,
    /// Looks that were not over in time.
    late: Vec<oneshot::Receiver<Verdict>>,
    unsure: bool,
    /// Whether anything is out.
    begun: bool,
}

impl<'a> Pump<'a> {
    /// A pump for the answer to this question.
    pub fn new(over: &'a Over, question: &'a str, watch: &'a Arc<Watch>, tasks: &'a Tasks) -> Self {
        let (waiting, text, late) = (Vec::new(), String::new(), Vec::new());
        Self { over, question, watch, tasks, waiting, text, looked: 0, late, unsure: false, begun: false }
    }

    /// Takes an event in.
    pub async fn take(&mut self, event: Bytes) -> Flow {
        let read = serde_json::from_slice::<Value>(&event).ok();
        if let Some((_, words)) = read.as_ref().and_then(words_of_event) {
            self.text.push_str(words);
        }
        self.waiting.push((event, self.text.len()));
        if self.text.is_empty() {
            let out = if self.waiting.len() > OPENING || self.begun { self.release(usize::MAX) } else { Vec::new() };
            return Flow::Out(out);
        }
        if tokens(&self.text[self.looked..]) < self.over.chunk() {
            return Flow::Out(Vec::new());
        }
        match self.look().await {
            Some(refusal) => Flow::Cut(refusal),
            None => {
                let most = floor(&self.text, self.text.len().saturating_sub(TAIL));
                Flow::Out(self.release(most))
            }
        }
    }

    /// The stream has ended: what is left is looked at and may go out.
    pub async fn finish(&mut self) -> Flow {
        match self.look().await {
            Some(refusal) => Flow::Cut(refusal),
            None => Flow::Out(self.release(usize::MAX)),
        }
    }

    /// What became of looks that were not over in time, and whether one came to nothing.
    pub fn into_late(self) -> (Vec<oneshot::Receiver<Verdict>>, bool) {
        (self.late, self.unsure)
    }

    /// Looks at all words that wait; the words to end with when they may not be said.
    async fn look(&mut self) -> Option<String> {
        if self.text.is_empty() {
            return None;
        }
        self.looked = self.text.len();
        match self.over.hold(Side::Answer, self.text.clone(), self.question, self.watch, self.tasks).await {
            Held::Said(None) => None,
            Held::Said(Some(masked)) => self.reword(masked),
            Held::Released(late) => {
                self.unsure |= late.is_none();
                self.late.extend(late);
                None
            }
            Held::Refused(words) => Some(words),
        }
    }

    /// Puts other words in the place of those that wait.
    fn reword(&mut self, masked: String) -> Option<String> {
        let events: Vec<_> = self.waiting.iter().map(|(event, _)| event.clone()).collect();
        let Some(reworded) = completion::reword(Shape::Events, &events, &masked) else {
            return Some(self.over.refusal(None, self.question));
        };
        let mut end = 0;
        self.waiting.clear();
        for event in reworded {
            let has_words = serde_json::from_slice::<Value>(&event).is_ok_and(|it| words_of_event(&it).is_some());
            end = if has_words { masked.len() } else { end };
            self.waiting.push((event, end));
        }
        self.text = masked;
        self.looked = self.text.len();
        None
    }

    /// Lets the events out whose words end at or before `most`.
    fn release(&mut self, most: usize) -> Vec<Bytes> {
        let count = self.waiting.iter().take_while(|(_, end)| *end <= most).count();
        let out: Vec<_> = self.waiting.drain(..count).collect();
        self.begun |= !out.is_empty();
        let gone = out.last().map_or(0, |(_, end)| *end);
        self.text.drain(..gone);
        self.looked = self.looked.saturating_sub(gone);
        self.waiting.iter_mut().for_each(|(_, end)| *end -= gone);
        out.into_iter().map(|(event, _)| event).collect()
    }
}
