//! One pass over the words of a text: titles first, then the longest known phrase, then what nobody knows.

use std::ops::Range;

use super::{
    intent::Intents,
    lexicon::{Class, Lexicon, Meaning, Unless},
    signature::{Signature, SignatureBuilder},
    titles::{Title, Titles},
    words::{Kind, Word, hash, join},
};

/// What a stretch of words is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// A title.
    Title,
    /// A deciding word.
    Class(Class),
    /// A known word with content.
    Concept(u64),
    /// A known word that is what the intent is about: it may stand anywhere in the question.
    Cue(u64),
    /// A number or a code.
    Number(u64),
    /// A word that no dictionary knows.
    Name(u64),
    /// It adds nothing.
    Light,
}

/// A stretch of words and what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// The words' places.
    pub words: Range<usize>,
    /// What they are.
    pub what: What,
}

/// A text, read.
#[derive(Debug, Default)]
pub struct Reading<'a> {
    /// All words in stretches; a stretch that is several things at once comes several times.
    pub pieces: Vec<Piece>,
    /// The titles it names and where, in order.
    pub titles: Vec<(&'a Title, Range<usize>)>,
    /// How much speaks for each intent, by its place.
    pub scores: Vec<f32>,
    /// Which pointing words it has: harmless with a title, with a date, never.
    unseen: [bool; 3],
    has_date: bool,
    /// How many parts of each cue with gaps have come.
    steps: Vec<(usize, u8)>,
}

/// Everything that is known about words.
#[derive(Clone, Copy, Debug)]
pub struct Dictionaries<'a> {
    /// Titles; `None` for a text in which they are masked already.
    pub titles: Option<&'a Titles>,
    /// Everyday words and cues.
    pub lexicon: &'a Lexicon,
    /// Intents; `None` when they do not matter.
    pub intents: Option<&'a Intents>,
}

impl<'a> Dictionaries<'a> {
    /// Reads a normalised text that was split into `words`.
    pub fn read(&self, text: &str, words: &[Word]) -> Reading<'a> {
        let mut reading = Reading { scores: vec![0.0; self.intents.map_or(0, Intents::len)], ..Reading::default() };
        let mut at = 0;
        while at < words.len() {
            let rest = &words[at..];
            at += if let Some((length, title)) = self.titles.and_then(|titles| titles.longest(rest)) {
                reading.titles.push((title, at..at + length));
                reading.piece(at..at + length, What::Title);
                length
            } else if let Some(length) = reading.known(at, rest, self) {
                length
            } else {
                reading.unknown(at, words, text, self)
            };
        }
        reading
    }

    /// How many kana, from the first word on, belong to nothing known; at least 1.
    fn unknown_kana(&self, words: &[Word]) -> usize {
        let starts = |rest: &[Word]| {
            self.lexicon.starting(rest).next().is_some()
                || self.titles.is_some_and(|titles| titles.longest(rest).is_some())
        };
        let more = (1..words.len()).take_while(|at| words[*at].kind == Kind::Kana && !starts(&words[*at..]));
        1 + more.count()
    }
}

/// So many unknown kana in a row are grammar; more may be a name.
const GRAMMAR: usize = 2;

impl Reading<'_> {
    /// Whether the text points at something outside itself.
    pub fn points_outside(&self) -> bool {
        let [title, date, never] = self.unseen;
        never || (title && self.titles.is_empty()) || (date && !self.has_date)
    }

    /// What decides about it, with `entities` as its titles and products.
    pub fn signature<'n>(&self, entities: impl IntoIterator<Item = &'n str>) -> Signature {
        let mut signature = SignatureBuilder::default();
        entities.into_iter().for_each(|entity| signature.entity(entity));
        for piece in &self.pieces {
            match piece.what {
                What::Class(class) => signature.class(class),
                What::Concept(concept) => signature.concept(concept),
                What::Number(number) => signature.number(number),
                What::Name(name) => signature.name(name),
                What::Title | What::Cue(_) | What::Light => {}
            }
        }
        signature.finish()
    }

    /// Takes the longest known phrase that starts here; how many words it has. Cues of all lengths count, but one that
    /// is nothing else ("what is") does not hide the everyday words in it.
    fn known(&mut self, at: usize, words: &[Word], dictionaries: &Dictionaries<'_>) -> Option<usize> {
        let (mut everyday, mut longest, mut is_cue) = (None, None, false);
        for (length, meanings) in dictionaries.lexicon.starting(words) {
            if let Some(intents) = dictionaries.intents {
                meanings.iter().for_each(|meaning| self.score(meaning, intents));
            }
            is_cue |= meanings.iter().any(|meaning| matches!(meaning, Meaning::Cue { .. }));
            longest = Some((length, meanings));
            if meanings.iter().any(|meaning| !matches!(meaning, Meaning::Cue { .. } | Meaning::Step { .. })) {
                everyday = longest;
            }
        }
        let (length, meanings) = everyday.or(longest)?;
        let content = if is_cue { What::Cue } else { What::Concept };
        let before = self.pieces.len();
        for meaning in meanings {
            self.mean(meaning, at..at + length, content);
        }
        if self.pieces.len() == before {
            let phrase = words[..length].iter().fold(0, |phrase, word| join(phrase, word.stem));
            self.piece(at..at + length, content(phrase));
        }
        Some(length)
    }

    fn mean(&mut self, meaning: &Meaning, words: Range<usize>, content: fn(u64) -> What) {
        match meaning {
            Meaning::Class(class) => {
                self.has_date |= class.tells_date;
                self.piece(words, What::Class(*class));
            }
            Meaning::Concept(concept) => self.piece(words, content(*concept)),
            Meaning::Light => self.piece(words, What::Light),
            Meaning::Unseen(unless) => {
                let at = match unless {
                    Unless::Title => 0,
                    Unless::Date => 1,
                    Unless::Never => 2,
                };
                self.unseen[at] = true;
            }
            Meaning::Cue { .. } | Meaning::Step { .. } => {}
        }
    }

    fn score(&mut self, meaning: &Meaning, intents: &Intents) {
        match meaning {
            Meaning::Cue { intent, weight } => self.scores[*intent] += weight,
            Meaning::Step { gapped, part } => {
                let Some(cue) = intents.gapped(*gapped) else { return };
                if self.step(*gapped, *part) == cue.parts {
                    self.scores[cue.intent] += cue.weight;
                }
            }
            _ => {}
        }
    }

    /// Notes a part of a cue with gaps when it is the next one; how many parts have come, 0 when it is not the next.
    fn step(&mut self, gapped: usize, part: u8) -> u8 {
        match self.steps.iter_mut().find(|(known, _)| *known == gapped) {
            Some((_, next)) if *next == part => {
                *next += 1;
                *next
            }
            None if part == 0 => {
                self.steps.push((gapped, 1));
                1
            }
            _ => 0,
        }
    }

    /// A word that no dictionary knows; how many words it takes.
    fn unknown(&mut self, at: usize, words: &[Word], text: &str, dictionaries: &Dictionaries<'_>) -> usize {
        let word = &words[at];
        let letters = &text[word.start..word.end];
        let (length, what) = match word.kind {
            Kind::Number => {
                self.has_date |= letters.len() == 4 && (letters.starts_with("19") || letters.starts_with("20"));
                (1, What::Number(word.hash))
            }
            Kind::Letters => (1, What::Name(word.stem)),
            Kind::Han => (1, What::Name(word.hash)),
            Kind::Kana => match dictionaries.unknown_kana(&words[at..]) {
                length if length <= GRAMMAR => (length, What::Light),
                length => (length, What::Name(hash(&text.as_bytes()[word.start..words[at + length - 1].end]))),
            },
        };
        self.piece(at..at + length, what);
        length
    }

    fn piece(&mut self, words: Range<usize>, what: What) {
        self.pieces.push(Piece { words, what });
    }
}
