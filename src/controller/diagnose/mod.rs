//! Decision trees over evidence: what is the cause? Pure.
//!
//! A tree is a document `diagnosis: name` in `policies/diagnosis/`: questions that lead to other questions or to a cause.
//! [`trees`] loads and checks them, [`diagnose`] walks one. The diagnosis keeps the way it took, what each answer was read
//! from, and what nobody could answer.

mod file;
pub mod trees;

use self::trees::{Next, Tree};
use super::{
    diagnosis::{Answered, Diagnosis},
    expression::evidence::Evidence,
};

/// Walks a tree from its first question to a cause, or to a question that nobody can answer.
pub fn diagnose(tree: &Tree, evidence: &dyn Evidence) -> Diagnosis {
    let mut found = Diagnosis {
        tree: tree.name.clone(),
        cause: None,
        summary: String::new(),
        path: Vec::new(),
        unanswered: Vec::new(),
    };
    let mut next = &tree.start;
    // Trees have no circles, so that each question is asked once at most.
    for _ in 0..=tree.questions.len() {
        let question = match next {
            Next::Cause(cause) => {
                found.cause = Some(cause.cause.clone());
                found.summary = [cause.summary.as_str(), cause.fix.as_str()].join(" ").trim().to_owned();
                return found;
            }
            Next::Question(id) => match tree.questions.get(id) {
                Some(question) => question,
                None => break,
            },
        };
        let answer = question.ask.eval(evidence);
        match answer.value {
            Ok(yes) => {
                let mut seen = answer.readings;
                seen.extend(question.shown(evidence));
                found.path.push(Answered { question: question.text.clone(), answer: yes, evidence: seen });
                next = if yes { &question.yes } else { &question.no };
            }
            Err(unknown) => {
                found.unanswered.push(format!("{} ({unknown})", question.text));
                match &question.unknown {
                    Some(otherwise) => next = otherwise,
                    None => break,
                }
            }
        }
    }
    found.summary = match found.unanswered.last() {
        Some(question) => format!("The cause is not known: nobody can tell \"{question}\""),
        None => "The cause is not known".to_owned(),
    };
    found
}

#[cfg(test)]
mod tests;
