//! What a question is about: its intent and entities, whether it stands alone, and what decides it.
//!
//! All of it is data: [`intent`] reads `policies/intents.yaml`, [`titles`] reads `policies/titles.yaml`, [`lexicon`] reads
//! `policies/language.yaml`. A question is folded to one spelling ([`mod@normalise`]), split ([`words`]), read once against the
//! dictionaries ([`reading`]) and condensed to what must be equal in two questions with one answer ([`signature`]).
//! This costs a few microseconds for a short question, and no more for a long one: beyond [`LONGEST`] bytes a text is
//! a document, which is looked up byte by byte and never by meaning.

pub mod claims;
pub mod intent;
pub mod lexicon;
pub mod normalise;
pub mod phrases;
pub mod question;
pub mod reading;
pub mod signature;
pub mod titles;
pub mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::{
    config::{files::Files, problem::Problems},
    engine::asked::{Asked, NotAlone},
    ids::IntentId,
    store::Tag,
};
use intent::{Intent, Intents};
use lexicon::Lexicon;
use normalise::{fold_kana, normalise, spell};
use question::Question;
use reading::Dictionaries;
use signature::Signature;
use titles::Titles;

/// Longer texts, in bytes, are documents and not questions.
pub const LONGEST: usize = 2_000;

/// Everything that is known about this shop's questions.
#[derive(Debug)]
pub struct Understanding {
    intents: Intents,
    titles: Titles,
    lexicon: Arc<Lexicon>,
    words: Words,
}

/// The everyday words in force, for embedders that work with them; a reload puts others in their place.
pub type Words = Arc<ArcSwap<Lexicon>>;

/// What is known in force, for everybody who reads questions; a reload puts something else in its place.
pub type InForce = Arc<ArcSwap<Understanding>>;

impl Understanding {
    /// Reads the operator's files. Mistakes are noted and leave out what they concern; `None` when nothing can be
    /// understood at all.
    pub fn load(files: &Files, problems: &mut Problems) -> Option<Self> {
        Self::read(files, None, problems)
    }

    /// Reads changed files to take this one's place: intents keep their numbers, embedders follow once it is
    /// [put in force](Self::put_in_force).
    pub fn renewed(&self, files: &Files, problems: &mut Problems) -> Option<Self> {
        Self::read(files, Some(self), problems)
    }

    fn read(files: &Files, before: Option<&Self>, problems: &mut Problems) -> Option<Self> {
        let titles = Titles::load(files, problems);
        let mut lexicon = Lexicon::load(files, problems);
        let intents = Intents::load(files, before.map(|before| &before.intents), &mut lexicon, problems)?;
        let lexicon = Arc::new(lexicon);
        let words = before.map_or_else(|| Arc::new(ArcSwap::new(lexicon.clone())), |before| before.words.clone());
        Some(Self { intents, titles, lexicon, words })
    }

    /// Takes the place of what was in force.
    pub fn put_in_force(self: Arc<Self>, in_force: &ArcSwap<Self>) {
        self.words.store(self.lexicon.clone());
        in_force.store(self);
    }

    /// The names of all intents there are or were, by their numbers.
    pub fn intent_names(&self) -> &[IntentId] {
        self.intents.names()
    }

    /// All intents, in the order of the files.
    pub fn intents(&self) -> impl Iterator<Item = &Arc<Intent>> {
        self.intents.iter()
    }

    /// An intent by its name.
    pub fn intent(&self, id: &str) -> Option<&Arc<Intent>> {
        self.intents.named(id)
    }

    /// The titles of the shop.
    pub fn titles(&self) -> &Titles {
        &self.titles
    }

    /// The everyday words, for embedders that work with them.
    pub fn lexicon(&self) -> &Words {
        &self.words
    }

    /// Reads a question.
    pub fn question(&self, asked: impl Into<Arc<Asked>>) -> Question {
        let asked = asked.into();
        let is_document = asked.text.len() > LONGEST;
        let spelled = spell(&asked.text[..asked.text.floor_char_boundary(LONGEST)]);
        let (words, text) = (words::words(&spelled), fold_kana(&spelled));
        let reading = self.dictionaries().read(&text, &words);
        let named = asked.hints.intent.as_ref().and_then(|id| self.intents.named(id));
        let likely = self.intents.most_likely(&reading.scores, !reading.titles.is_empty());
        let intent = named.unwrap_or(likely);
        let entities = self.entities(&asked, &reading);
        let points_outside = reading.points_outside() || !reading.has_content();
        let not_alone = asked
            .not_alone
            .or(is_document.then_some(NotAlone::NotAQuestion))
            .or((!intent.semantic || !likely.semantic).then_some(NotAlone::NotAllowed))
            .or(points_outside.then_some(NotAlone::UnseenReferent));
        let own = asked.hints.tags.iter().map(|tag| self.tag(tag)).collect();
        let scope = intent.scope.max(likely.scope);
        let read = question::Read { text, spelled, words, reading };
        Question::new(asked, (intent.clone(), scope), entities, own, not_alone, read)
    }

    /// What decides a question that was kept: its text, intent and entities.
    pub fn signature(&self, text: &str, intent: &str, entities: &[Arc<str>]) -> Signature {
        let spelled = spell(&text[..text.floor_char_boundary(LONGEST)]);
        let (words, text) = (words::words(&spelled), fold_kana(&spelled));
        let reading = self.dictionaries().read(&text, &words);
        let intent = self.intents.named(intent);
        let entities = entities.iter().map(|name| &**name);
        let signature = reading.signature(intent.map(|intent| &**intent), entities);
        match intent {
            Some(intent) if !intent.entity_filter => signature.without_entities(),
            _ => signature,
        }
    }

    fn dictionaries(&self) -> Dictionaries<'_> {
        Dictionaries { titles: Some(&self.titles), lexicon: &self.lexicon, intents: Some(&self.intents) }
    }

    /// A tag in its one form: `title:ドラゴンボール` and `Title: DRAGON BALL` are the same.
    pub fn tag(&self, text: &str) -> Tag {
        let Some((kind, name)) = text.split_once(':') else { return Tag(normalise(text).into()) };
        let (kind, name) = (normalise(kind), normalise(name));
        match self.titles.named(&name).filter(|_| kind == "title") {
            Some(title) => title.tag.clone(),
            None => Tag(format!("{kind}:{name}").into()),
        }
    }

    /// The titles that the caller names, else those in the text: canonical name and tag, in order, each once.
    fn entities(&self, asked: &Asked, reading: &reading::Reading<'_>) -> Vec<(Arc<str>, Tag)> {
        let mut entities: Vec<(Arc<str>, Tag)> = match &asked.hints.entities {
            Some(named) => named.iter().map(|name| self.entity(name)).collect(),
            None => reading.titles.iter().map(|(title, _)| (title.name.clone(), title.tag.clone())).collect(),
        };
        let mut seen = Vec::with_capacity(entities.len());
        entities.retain(|(_, tag)| {
            !seen.contains(tag) && {
                seen.push(tag.clone());
                true
            }
        });
        entities
    }

    fn entity(&self, name: &str) -> (Arc<str>, Tag) {
        let normal = normalise(name);
        match self.titles.named(&normal) {
            Some(title) => (title.name.clone(), title.tag.clone()),
            None => (normal.as_str().into(), Tag(format!("entity:{normal}").into())),
        }
    }
}
