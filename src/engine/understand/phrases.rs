//! A dictionary of phrases: finds every phrase that starts at a word, in one step per word.
//!
//! A phrase is the chain of its words' hashes; every beginning of a phrase is in one hash map. Tens of thousands of
//! phrases cost a few megabytes, and a text costs about one look-up for each of its words.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use super::words::{self, Word};

/// Which form of a word counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As written: titles.
    Exact,
    /// Without a plural `s`: everyday words.
    Stem,
}

/// Phrases and what each means.
#[derive(Debug)]
pub struct Phrases<M> {
    form: Form,
    /// For each beginning of a phrase, what it means when it ends there.
    beginnings: HashMap<u64, Vec<M>, BuildHasherDefault<AsIs>>,
}

const START: u64 = 0;

impl<M: Copy + PartialEq> Phrases<M> {
    /// No phrases yet.
    pub fn new(form: Form) -> Self {
        Self { form, beginnings: HashMap::default() }
    }

    /// Adds a meaning to a normalised phrase, once; `false` when there is no word in it.
    pub fn add(&mut self, phrase: &str, meaning: M) -> bool {
        let mut chain = START;
        for word in words::words(phrase) {
            chain = words::join(chain, self.letters(&word));
            self.beginnings.entry(chain).or_default();
        }
        if chain != START {
            let meanings = self.beginnings.entry(chain).or_default();
            if !meanings.contains(&meaning) {
                meanings.push(meaning);
            }
        }
        chain != START
    }

    /// What a whole normalised phrase means; empty when it is not known.
    pub fn get(&self, phrase: &str) -> &[M] {
        let chain = words::words(phrase).iter().fold(START, |chain, word| words::join(chain, self.letters(word)));
        self.beginnings.get(&chain).map_or(&[], Vec::as_slice)
    }

    /// Every phrase that starts with the first of these words, shortest first: how many words it has and what it means.
    pub fn starting<'a>(&'a self, words: &'a [Word]) -> impl Iterator<Item = (usize, &'a [M])> {
        let mut chain = START;
        words
            .iter()
            .enumerate()
            .map_while(move |(at, word)| {
                chain = words::join(chain, self.letters(word));
                Some((at + 1, self.beginnings.get(&chain)?.as_slice()))
            })
            .filter(|(_, meanings)| !meanings.is_empty())
    }

    fn letters(&self, word: &Word) -> u64 {
        match self.form {
            Form::Exact => word.hash,
            Form::Stem => word.stem,
        }
    }
}

/// The keys are hashes already.
#[derive(Debug, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = words::hash(bytes);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
