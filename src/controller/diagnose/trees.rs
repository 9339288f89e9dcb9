//! The trees of a shop, each checked to lead somewhere from every question, and to no question twice.

use std::collections::{BTreeMap, BTreeSet};

use super::file;
use crate::{
    config::{
        document::{Document, Spanned},
        files::Files,
        nearest::did_you_mean,
        problem::{Place, Problems},
    },
    controller::{
        expression::{Expression, Yields, evidence::Evidence},
        judge::rules::Rules,
    },
    ids::{Cause, TreeName},
    units::Figure,
};

/// All trees, by name.
pub type Trees = BTreeMap<TreeName, Tree>;

/// A decision tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// Its name.
    pub name: TreeName,
    /// What it is for.
    pub description: String,
    /// Where it begins.
    pub start: Next,
    /// Its questions, by id.
    pub questions: BTreeMap<String, Question>,
}

/// One question of a tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// In words.
    pub text: String,
    /// What is looked at to answer it.
    pub ask: Expression,
    /// What follows a yes.
    pub yes: Next,
    /// What follows a no.
    pub no: Next,
    /// What follows when nobody can tell; `None` ends the diagnosis without a cause.
    pub unknown: Option<Next>,
    /// Numbers that people want to see beside the answer, by title.
    pub show: BTreeMap<String, Expression>,
}

/// What follows an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// The question with this id.
    Question(String),
    /// The cause.
    Cause(Found),
}

/// A cause, in a word and in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The word that policies match.
    pub cause: Cause,
    /// What happened, for people.
    pub summary: String,
    /// What helps, for people.
    pub fix: String,
}

impl Tree {
    /// The causes that it can find.
    pub fn causes(&self) -> BTreeSet<&Cause> {
        self.questions.values().flat_map(Question::nexts).filter_map(Next::cause).collect()
    }
}

impl Question {
    /// The numbers beside the answer: `retries per attempt = 0.6`. Those that nobody knows are left out.
    pub(super) fn shown(&self, evidence: &dyn Evidence) -> Vec<String> {
        let number = |expression: &Expression| expression.number(evidence).value.ok();
        let shown = self.show.iter().filter_map(|(title, show)| Some((title, number(show)?)));
        shown.map(|(title, value)| format!("{title} = {}", Figure(value))).collect()
    }

    fn nexts(&self) -> Vec<&Next> {
        [Some(&self.yes), Some(&self.no), self.unknown.as_ref()].into_iter().flatten().collect()
    }
}

impl Next {
    fn cause(&self) -> Option<&Cause> {
        if let Self::Cause(found) = self { Some(&found.cause) } else { None }
    }

    fn question(&self) -> Option<&str> {
        if let Self::Question(id) = self { Some(id) } else { None }
    }
}

/// The JSON Schema of a decision tree.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(super::file::Tree)
}

/// The trees of `policies/diagnosis/`. What is wrong is noted; the rest is still there.
pub fn load(files: &Files, rules: &Rules, problems: &mut Problems) -> Trees {
    let mut trees = Trees::new();
    let mut places: BTreeMap<TreeName, Place> = BTreeMap::new();
    for file in files.below("policies/diagnosis/") {
        for document in Document::split(&file.path, &file.text) {
            if document.kind() != Some("diagnosis") {
                problems.add(&document.start(), "a file in policies/diagnosis/ starts with `diagnosis: name`");
                continue;
            }
            let Some(raw) = document.read::<file::Tree>(problems) else { continue };
            let (name, place) = (TreeName::from(raw.diagnosis.value.as_str()), document.place_of(&raw.diagnosis));
            if let Some(first) = places.insert(name.clone(), place.clone()) {
                problems.add(&place, format!("`{name}` is defined already at {first}. Rename one of them"));
            }
            if let Some(tree) = (Reader { document: &document, rules, problems }).tree(raw) {
                trees.insert(name, tree);
            }
        }
    }
    trees
}

struct Reader<'a> {
    document: &'a Document,
    rules: &'a Rules,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn tree(&mut self, raw: file::Tree) -> Option<Tree> {
        let Some(first) = raw.questions.first() else {
            self.wrong(&raw.diagnosis, "a tree asks at least one question");
            return None;
        };
        let start = Next::Question(first.id.value.clone());
        let ids: BTreeSet<&str> = raw.questions.iter().map(|question| question.id.value.as_str()).collect();
        let mut sound = true;
        for question in &raw.questions {
            sound &= self.targets_exist(question, &ids);
            if raw.questions.iter().filter(|other| other.id.value == question.id.value).count() > 1 {
                self.wrong(&question.id, format!("two questions have the id `{}`. Rename one", question.id.value));
                sound = false;
            }
        }
        let mut questions = BTreeMap::new();
        for question in &raw.questions {
            questions.insert(question.id.value.clone(), self.question(question));
        }
        let questions: Option<BTreeMap<_, _>> =
            questions.into_iter().map(|(id, question)| question.map(|question| (id, question))).collect();
        let tree = Tree {
            name: raw.diagnosis.value.as_str().into(),
            description: raw.description,
            start,
            questions: questions?,
        };
        (sound && self.leads_somewhere(&tree, &raw.questions)).then_some(tree)
    }

    fn question(&mut self, raw: &file::Question) -> Option<Question> {
        let ask = self.expression(&raw.ask, Yields::Truth);
        let show: Vec<_> = raw
            .show
            .iter()
            .map(|(title, text)| Some((title.clone(), self.expression(text, Yields::Number)?)))
            .collect();
        let next = |next: &Spanned<file::Next>| match &next.value {
            file::Next::Question(id) => Next::Question(id.clone()),
            file::Next::Cause(end) => Next::Cause(Found {
                cause: end.cause.as_str().into(),
                summary: end.summary.clone(),
                fix: end.fix.clone(),
            }),
        };
        Some(Question {
            text: raw.question.clone(),
            ask: ask?,
            yes: next(&raw.yes),
            no: next(&raw.no),
            unknown: raw.unknown.as_ref().map(next),
            show: show.into_iter().collect::<Option<_>>()?,
        })
    }

    fn expression(&mut self, text: &Spanned<String>, yields: Yields) -> Option<Expression> {
        let expression = Expression::read(self.document, text, yields, self.rules, self.problems)?;
        if expression.needs_diagnosis() {
            self.wrong(text, "a tree cannot ask for its own result. Leave diagnosis.cause to policies");
            return None;
        }
        Some(expression)
    }

    fn targets_exist(&mut self, question: &file::Question, ids: &BTreeSet<&str>) -> bool {
        let mut all = true;
        for next in [Some(&question.yes), Some(&question.no), question.unknown.as_ref()].into_iter().flatten() {
            if let file::Next::Question(id) = &next.value
                && !ids.contains(id.as_str())
            {
                self.wrong(next, format!("no question has the id `{id}`{}", did_you_mean(id, ids.iter().copied())));
                all = false;
            }
        }
        all
    }

    /// Every question is reached, and none leads back to itself.
    fn leads_somewhere(&mut self, tree: &Tree, raw: &[file::Question]) -> bool {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&str> = tree.start.question().into_iter().collect();
        while let Some(id) = open.pop() {
            if reached.insert(id) {
                open.extend(follows(tree, id));
            }
        }
        let mut sound = true;
        for question in raw {
            let id = question.id.value.as_str();
            if !reached.contains(id) {
                self.wrong(&question.id, format!("no answer leads to `{id}`. Lead one here or take it away"));
                sound = false;
            } else if comes_back(tree, id) {
                self.wrong(&question.id, format!("`{id}` can lead back to itself. Break the circle"));
                sound = false;
            }
        }
        sound
    }

    fn wrong<T>(&mut self, at: &Spanned<T>, what: impl Into<String>) {
        self.problems.add(&self.document.place_of(at), what);
    }
}

/// The questions that may follow a question.
fn follows<'a>(tree: &'a Tree, id: &str) -> impl Iterator<Item = &'a str> {
    tree.questions.get(id).into_iter().flat_map(|question| question.nexts()).filter_map(Next::question)
}

fn comes_back(tree: &Tree, id: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&str> = follows(tree, id).collect();
    while let Some(next) = open.pop() {
        if next == id {
            return true;
        }
        if seen.insert(next) {
            open.extend(follows(tree, next));
        }
    }
    false
}
