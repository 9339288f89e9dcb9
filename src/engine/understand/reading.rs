//! One pass over the words of a text: titles first, then the longest known phrase, then what nobody knows.

use std::ops::Range;

use super::{
    intent::{Intent, Intents},
    lexicon::{Class, Concept, Lexicon, Meaning, Unless},
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
    Concept(Concept),
    /// A word that is known only as a cue of intents, as bits: in a question of one of them it may stand anywhere.
    Cue(Concept, u64),
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

/// Stands for a title where only its place counts.
const TITLE: u64 = 1;

/// The intent's bit; those of far-off intents are shared.
fn bit(intent: usize) -> u64 {
    1 << (intent % 64)
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
    /// Signs between the words that count: `C++`, `-5`, `1.5`.
    signs: u64,
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
        let mut reading = Reading {
            scores: vec![0.0; self.intents.map_or(0, |intents| intents.names().len())],
            ..Reading::default()
        };
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
        reading.signs = signs(text, words, &reading.titles);
        reading
    }

    /// Whether a title starts behind the first of so many words: in "the One Piece", "the one" is no phrase.
    fn has_title_inside(&self, words: &[Word], length: usize) -> bool {
        let starts = |at: usize| self.titles.is_some_and(|titles| titles.longest(&words[at..]).is_some());
        (1..length).any(starts)
    }

    /// How many kana, from the first word on, belong to nothing known; at least 1.
    fn unknown_kana(&self, words: &[Word]) -> usize {
        let starts = |rest: &[Word]| {
            self.lexicon.starting(rest).next().is_some()
                || self.titles.is_some_and(|titles| titles.longest(rest).is_some())
        };
        let follows = |at: &usize| words[*at].kind == Kind::Kana && words[*at].start == words[*at - 1].end;
        let more = (1..words.len()).take_while(|at| follows(at) && !starts(&words[*at..]));
        1 + more.count()
    }
}

/// So many unknown hiragana behind a Chinese character are its ending; more, or elsewhere, may be a name.
const ENDING: usize = 3;
/// A known word that ends inside a run of katakana must be so long, or it is a part of another word.
const NO_CHANCE: usize = 3;

impl Reading<'_> {
    /// Whether the text points at something outside itself.
    pub fn points_outside(&self) -> bool {
        let [title, date, never] = self.unseen;
        never || (title && self.titles.is_empty()) || (date && !self.has_date)
    }

    /// Whether there is a word in it that a question could be about.
    pub fn has_content(&self) -> bool {
        let is_content = |what: What| !matches!(what, What::Light | What::Class(_));
        self.pieces.iter().any(|piece| is_content(piece.what))
    }

    /// What decides about it in a question of this intent, with `entities` as its titles and products. Titles that it
    /// names beside them count, too.
    pub fn signature<'n>(&self, intent: Option<&Intent>, entities: impl IntoIterator<Item = &'n str>) -> Signature {
        let mut signature = SignatureBuilder::default();
        entities.into_iter().for_each(|entity| signature.entity(entity));
        self.titles.iter().for_each(|(title, _)| signature.entity(&title.name));
        let bit = intent.map_or(0, |intent| bit(intent.index));
        let implied = |concept: Concept| intent.is_some_and(|intent| intent.implies.contains(&concept.hash));
        let compares = self.pieces.iter().any(|piece| matches!(piece.what, What::Class(class) if class.compares));
        for piece in &self.pieces {
            match piece.what {
                What::Class(class) => signature.class(class),
                What::Cue(concept, intents) if intents & bit == 0 => signature.concept(concept),
                What::Concept(concept) if !implied(concept) => signature.concept(concept),
                What::Number(number) => signature.number(number),
                What::Name(name) => signature.name(name),
                What::Cue(concept, _) | What::Concept(concept) if compares => signature.place(concept.hash),
                What::Title if compares => signature.place(TITLE),
                What::Title | What::Cue(..) | What::Concept(_) | What::Light => {}
            }
        }
        if self.signs != 0 {
            signature.number(self.signs);
        }
        signature.finish()
    }

    /// Takes the longest known phrase that starts here; how many words it has. Cues of all lengths count, but one that
    /// is nothing else ("what is") does not hide the everyday words in it.
    fn known(&mut self, at: usize, words: &[Word], dictionaries: &Dictionaries<'_>) -> Option<usize> {
        let (mut everyday, mut longest, mut intents_of) = (None, None, 0);
        let fits = |length: usize| is_whole(words, length) && !dictionaries.has_title_inside(words, length);
        for (length, meanings) in dictionaries.lexicon.starting(words).filter(|(length, _)| fits(*length)) {
            if let Some(intents) = dictionaries.intents {
                meanings.iter().for_each(|meaning| self.score(meaning, intents));
            }
            intents_of |= meanings.iter().fold(0, |bits, meaning| match meaning {
                Meaning::Cue { intent, .. } => bits | bit(*intent),
                _ => bits,
            });
            longest = Some((length, meanings));
            if meanings.iter().any(|meaning| !matches!(meaning, Meaning::Cue { .. } | Meaning::Step { .. })) {
                everyday = longest;
            }
        }
        let (length, meanings) = everyday.or(longest)?;
        let before = self.pieces.len();
        for meaning in meanings {
            self.mean(meaning, at..at + length);
        }
        if self.pieces.len() == before && !meanings.iter().any(|meaning| matches!(meaning, Meaning::Unseen(_))) {
            let hash = words[..length].iter().fold(0, |phrase, word| join(phrase, word.stem));
            let concept = Concept { hash, soft: false };
            let what = if intents_of == 0 { What::Concept(concept) } else { What::Cue(concept, intents_of) };
            self.piece(at..at + length, what);
        }
        Some(length)
    }

    fn mean(&mut self, meaning: &Meaning, words: Range<usize>) {
        match meaning {
            Meaning::Class(class) => {
                self.has_date |= class.tells_date;
                self.piece(words, What::Class(*class));
            }
            Meaning::Concept(concept) => self.piece(words, What::Concept(*concept)),
            Meaning::Number(number) => self.piece(words, What::Number(*number)),
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
            Kind::Katakana => {
                let length = katakana(&words[at..]);
                (length, What::Name(hash(&text.as_bytes()[word.start..words[at + length - 1].end])))
            }
            Kind::Kana => {
                let length = dictionaries.unknown_kana(&words[at..]);
                let before = at.checked_sub(1).and_then(|before| words.get(before));
                let is_ending = before.is_some_and(|before| before.kind == Kind::Han && before.end == word.start);
                match length <= ENDING && is_ending {
                    true => (length, What::Light),
                    false => (length, What::Name(hash(&text.as_bytes()[word.start..words[at + length - 1].end]))),
                }
            }
        };
        self.piece(at..at + length, what);
        length
    }

    fn piece(&mut self, words: Range<usize>, what: What) {
        self.pieces.push(Piece { words, what });
    }
}

/// How many katakana stand together from the first word on.
fn katakana(words: &[Word]) -> usize {
    let together = |pair: &&[Word]| pair[1].kind == Kind::Katakana && pair[1].start == pair[0].end;
    1 + words.windows(2).take_while(together).count()
}

/// Whether a match of so many words is no mere part of a longer word in katakana.
fn is_whole(words: &[Word], length: usize) -> bool {
    let (Some(last), Some(next)) = (words.get(length - 1), words.get(length)) else { return true };
    let goes_on = last.kind == Kind::Katakana && next.kind == Kind::Katakana && next.start == last.end;
    !goes_on || length >= NO_CHANCE
}

/// The signs between the words that change what is asked, in order; 0 when there is none. Those in titles do not count.
fn signs(text: &str, words: &[Word], titles: &[(&Title, Range<usize>)]) -> u64 {
    let mut signs = 0;
    for at in 0..=words.len() {
        if titles.iter().any(|(_, span)| span.start < at && at < span.end) {
            continue;
        }
        let (before, after) = (at.checked_sub(1).and_then(|before| words.get(before)), words.get(at));
        let gap = &text[before.map_or(0, |word| word.end)..after.map_or(text.len(), |word| word.start)];
        let is_number = |word: Option<&Word>| word.is_some_and(|word| word.kind == Kind::Number);
        let numbers = (is_number(before), is_number(after));
        let counted = gap.chars().filter(|sign| counts(*sign, gap, before.is_none(), numbers));
        signs = counted.fold(signs, |signs, sign| join(signs, u64::from(u32::from(sign))));
    }
    signs
}

/// Whether a sign in the gap between two words counts; `numbers` says whether they are numbers.
fn counts(sign: char, gap: &str, is_first: bool, numbers: (bool, bool)) -> bool {
    let is_between_numbers = numbers == (true, true);
    match sign {
        '+' | '#' | '%' | '$' | '€' | '¥' | '£' | '=' | '<' | '>' | '&' | '@' | '*' | '^' | '~' | '/' => true,
        '-' => is_between_numbers || (numbers.1 && gap.ends_with('-') && (is_first || gap.len() > 1)),
        '.' | ',' | ':' => is_between_numbers && gap.len() == 1,
        _ => false,
    }
}
