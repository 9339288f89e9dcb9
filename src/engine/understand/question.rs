//! A question as the engine understands it: what it is kept under, found by and invalidated with.

use std::sync::{Arc, OnceLock};

use super::{
    claims::masked,
    intent::{Intent, Scope},
    reading::Reading,
    signature::Signature,
    words::Word,
};
use crate::{
    digest::Digest,
    engine::asked::{Asked, NotAlone},
    store::Tag,
    units::Ratio,
};

/// Stands in the frame where a title stood.
pub const MASK: &str = "[title]";

/// A question, understood.
#[derive(Debug)]
pub struct Question {
    /// The request.
    pub asked: Arc<Asked>,
    /// What it is about.
    pub intent: Arc<Intent>,
    /// Who may be given its answer: as the intent says, or stricter when the words are about something personal and only
    /// the caller named the intent.
    pub scope: Scope,
    /// The titles and products it names, in canonical form and in order, each once.
    pub entities: Vec<Arc<str>>,
    /// What its answer is kept under: scope, context and text in its one spelling.
    pub key: Digest,
    /// Where questions with the same answer are looked for: scope, context, intent and, unless the intent says otherwise,
    /// entities. `None` when it must not be found by meaning; `not_alone` says why.
    pub partition: Option<Digest>,
    /// The text in its one spelling with its titles masked; empty without a partition.
    pub frame_text: String,
    /// What must be equal in a question with the same answer.
    pub signature: Signature,
    /// Why it must not be found by meaning.
    pub not_alone: Option<NotAlone>,
    /// What its answer is invalidated by.
    pub tags: Vec<Tag>,
    /// The frame's vector, once somebody needed it.
    pub vector: OnceLock<Arc<[i8]>>,
    /// The kept question that came closest without being close enough, once it was looked for: its key and how alike.
    pub near_miss: OnceLock<(Digest, Ratio)>,
}

/// A text and what was read in it.
#[derive(Debug)]
pub(super) struct Read<'a> {
    /// In its one spelling.
    pub(super) text: String,
    /// The same with its kana as they came.
    pub(super) spelled: String,
    /// Its words.
    pub(super) words: Vec<Word>,
    /// What they are.
    pub(super) reading: Reading<'a>,
}

impl Question {
    pub(super) fn new(
        asked: Arc<Asked>,
        (intent, scope): (Arc<Intent>, Scope),
        entities: Vec<(Arc<str>, Tag)>,
        own_tags: Vec<Tag>,
        not_alone: Option<NotAlone>,
        read: Read<'_>,
    ) -> Self {
        let signature = read.reading.signature(Some(&intent), entities.iter().map(|(name, _)| &**name));
        let signature = if intent.entity_filter { signature } else { signature.without_entities() };
        let partition = not_alone.is_none().then(|| partition(&asked, &intent, scope, &entities));
        Self {
            key: key(&asked, &intent, scope, &read),
            frame_text: if partition.is_some() { read.frame() } else { String::new() },
            tags: tags(&intent, &entities, own_tags),
            entities: entities.into_iter().map(|(name, _)| name).collect(),
            vector: OnceLock::new(),
            near_miss: OnceLock::new(),
            asked,
            intent,
            scope,
            partition,
            signature,
            not_alone,
        }
    }

    /// Whether its answer may be given to another request at all, from the cache or while it comes in.
    pub fn is_shareable(&self) -> bool {
        match self.scope {
            Scope::Public | Scope::Tenant => true,
            Scope::User => self.asked.caller.user.is_some(),
            Scope::Never => false,
        }
    }

    /// Whether its answer may be kept.
    pub fn is_storable(&self) -> bool {
        self.is_shareable() && !self.asked.hints.no_store
    }
}

impl Read<'_> {
    fn frame(&self) -> String {
        masked(&self.spelled, &self.words, &self.reading)
    }
}

/// Whose answers these are: the tenant's, or one user's.
fn owner(asked: &Asked, scope: Scope) -> [&[u8]; 2] {
    let user = match (&asked.caller.user, scope) {
        (Some(user), Scope::User | Scope::Never) => user.as_bytes(),
        _ => b"",
    };
    [asked.caller.tenant.as_bytes(), user]
}

/// In one line, spelling does not matter; in several (code, a letter) or in a long text every byte may.
fn key(asked: &Asked, intent: &Intent, scope: Scope, read: &Read<'_>) -> Digest {
    let [tenant, user] = owner(asked, scope);
    let verbatim = asked.text.len() > super::LONGEST || asked.text.contains('\n');
    let text = if verbatim { asked.text.as_bytes() } else { read.text.as_bytes() };
    Digest::of([&b"key"[..], tenant, user, &asked.context.0, intent.id.as_bytes(), text])
}

fn partition(asked: &Asked, intent: &Intent, scope: Scope, entities: &[(Arc<str>, Tag)]) -> Digest {
    let [tenant, user] = owner(asked, scope);
    let fixed = [&b"partition"[..], tenant, user, &asked.context.0, intent.id.as_bytes()];
    let entities = entities.iter().filter(|_| intent.entity_filter).map(|(name, _)| name.as_bytes());
    Digest::of(fixed.into_iter().chain(entities))
}

/// Those of the intent, the entities and the caller, each once.
fn tags(intent: &Intent, entities: &[(Arc<str>, Tag)], own: Vec<Tag>) -> Vec<Tag> {
    let mut tags = vec![intent.tag.clone()];
    for tag in entities.iter().map(|(_, tag)| tag.clone()).chain(own) {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}
