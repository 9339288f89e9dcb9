//! `banto cache explain`.

use std::{fmt::Write, path::PathBuf};

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use super::{
    Common,
    terminal::{Terminal, fit},
};
use crate::{
    cli::Exit,
    engine::{
        recall::{
            explain::{Compared, Explanation, Outcome},
            same::Same,
        },
        understand::signature::Gate,
    },
};

/// Explains why a question would hit or miss now: how it is understood, what it is compared with, and what refuses it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  banto cache explain 'When is One Piece 110 out?'\n  \
                        banto cache explain --request request.json --tenant shop\n\n\
                        What is kept depends on the whole request: model, system prompt, earlier turns. A question alone is\n\
                        explained as if there were none of these.")]
pub struct Args {
    /// The question.
    #[arg(required_unless_present = "request")]
    question: Option<String>,
    /// A file with the whole chat-completions request.
    #[arg(long, value_name = "FILE", conflicts_with = "question")]
    request: Option<PathBuf>,
    /// The model name that the question is asked for.
    #[arg(long)]
    model: Option<String>,
    /// Whose cache.
    #[arg(long)]
    tenant: Option<String>,
    /// The user, for answers that are a user's own.
    #[arg(long)]
    user: Option<String>,
    /// The intent, when the caller names it.
    #[arg(long)]
    intent: Option<String>,
    /// A title or product, when the caller names them; may be repeated.
    #[arg(long = "entity")]
    entities: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let request = match args.request.as_ref().map(|path| (path, std::fs::read_to_string(path))) {
        None => None,
        Some((path, Err(error))) => {
            eprintln!("banto: {} cannot be read: {error}", path.display());
            return Exit::Failed;
        }
        Some((path, Ok(text))) => match serde_json::from_str::<Value>(&text) {
            Ok(request) => Some(request),
            Err(error) => {
                eprintln!("banto: {}:{}:{}: {error}", path.display(), error.line(), error.column());
                return Exit::Failed;
            }
        },
    };
    let wish = json!({
        "question": args.question, "request": request, "model": args.model, "tenant": args.tenant, "user": args.user,
        "intent": args.intent, "entities": (!args.entities.is_empty()).then_some(&args.entities),
    });
    let answer = args.common.remote.post("/api/v1/cache/explain", &wish);
    args.common.print(answer, |explanation: &Explanation| shown(explanation, Terminal::here()))
}

fn shown(explanation: &Explanation, terminal: Terminal) -> String {
    let mut text = format!("{}\n", verdict(explanation, terminal));
    let mut line = |label: &str, what: &str| {
        let wrapped = terminal.wrap(what, 13);
        let _ = write!(text, "  {}{}", terminal.dim(&format!("{label:<11}")), wrapped.trim_start());
    };
    line("intent", &explanation.intent);
    if !explanation.entities.is_empty() {
        line("titles", &explanation.entities.join(", "));
    }
    line("key", &explanation.key.to_string());
    line("same words", &explanation.same.to_string());
    match &explanation.not_alone {
        Some(why) => line("by meaning", &format!("not looked for: {}", alone(why))),
        None => {
            line("by meaning", &format!("“{}”, at least {} alike", explanation.frame, explanation.threshold));
            if explanation.compared.is_empty() {
                line("", "nothing is kept that it could be compared with");
            }
        }
    }
    explanation.compared.iter().for_each(|compared| text.push_str(&row(compared, terminal)));
    text
}

/// What would happen, in one line.
fn verdict(explanation: &Explanation, terminal: Terminal) -> String {
    let looked_for = !matches!(explanation.same, Same::NoCache { .. } | Same::NeverShared | Same::NoUser);
    let serves = explanation.compared.iter().find(|compared| compared.outcome == Outcome::Serves && looked_for);
    match (&explanation.same, serves) {
        (Same::Fresh { .. }, _) => terminal.good("HIT: the same question is kept and fresh"),
        (_, Some(compared)) => {
            let head = format!("HIT by meaning, {} alike: ", compared.similarity);
            let room = terminal.columns.saturating_sub(head.width()).max(20);
            let question = compared.question.as_deref().unwrap_or_default();
            terminal.good(&format!("{head}{}", fit(question, room).trim_end()))
        }
        (_, None) => terminal.bad("MISS: a model would be asked"),
    }
}

fn row(compared: &Compared, terminal: Terminal) -> String {
    let why = match compared.outcome {
        Outcome::Serves => terminal.good("serves"),
        outcome => terminal.warn(&refusal(outcome)),
    };
    let room = terminal.columns.saturating_sub(21).max(20);
    let question = compared.question.as_deref().unwrap_or("(gone)");
    format!("{:13}{:<7} {}\n{:21}{why}\n", "", figure(compared), fit(question, room).trim_end(), "")
}

fn figure(compared: &Compared) -> String {
    format!("{:.3}", compared.similarity.as_f64())
}

/// Why a candidate is not served.
fn refusal(outcome: Outcome) -> String {
    match outcome {
        Outcome::Serves => "serves",
        Outcome::BelowThreshold => "not alike enough",
        Outcome::Expired => "no longer fresh",
        Outcome::Barred => "a reader said that it is wrong for this question",
        Outcome::Gone => "gone from the store, or the store is away",
        Outcome::Gate(gate) => return format!("refused: {}", gate_in_words(gate)),
    }
    .to_owned()
}

fn gate_in_words(gate: Gate) -> &'static str {
    match gate {
        Gate::Entity => "it is about other titles or products",
        Gate::Name => "it has words that no dictionary knows, and they differ: they may be names",
        Gate::Content => "it has other words that say what is asked",
        Gate::Number => "its numbers differ",
        Gate::Polarity => "one asks with, the other without (or best and worst)",
        Gate::QuestionWord => "it asks who, where, when or why differently",
        Gate::Order => "the same words in another order",
    }
}

/// Why a question is not looked for by meaning.
fn alone(why: &str) -> &str {
    match why {
        "SeveralChoices" => "more than one choice is asked for",
        "Tools" => "tools are offered or under way",
        "NotAQuestion" => "the last message is no user's, or no plain text",
        "UnseenReferent" => "its words point at something unseen (“it”, “my order”, “today”)",
        "NotAllowed" => "the caller or the intent does not allow it",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        digest::Digest,
        units::{Ratio, TimeSpan},
    };

    fn explanation(same: Same) -> Explanation {
        Explanation {
            intent: "availability".into(),
            entities: vec!["naruto".into()],
            key: Digest([7; 16]),
            exact: false,
            same,
            not_alone: None,
            frame: "is [title] volume 72 in stock?".into(),
            threshold: Ratio::basis_points(9_500),
            compared: vec![],
        }
    }

    fn compared(outcome: Outcome) -> Compared {
        Compared {
            key: Digest([8; 16]),
            question: Some("Do you have volume 71 of Naruto?".into()),
            similarity: Ratio::basis_points(9_810),
            outcome,
        }
    }

    const PLAIN: Terminal = Terminal { columns: 80, colour: false };
    const MISSING: Same = Same::Missing { not_kept: None };

    #[test]
    fn a_refused_candidate_names_its_gate() {
        let explained = Explanation { compared: vec![compared(Outcome::Gate(Gate::Number))], ..explanation(MISSING) };
        let text = shown(&explained, PLAIN);
        assert!(text.starts_with("MISS: a model would be asked\n"), "{text}");
        assert!(text.contains("0.981") && text.contains("refused: its numbers differ"), "{text}");
    }

    #[test]
    fn a_hit_says_which_and_how() {
        let fresh = Same::Fresh { age: TimeSpan::secs(60), left: TimeSpan::secs(600) };
        assert!(shown(&explanation(fresh), PLAIN).starts_with("HIT: the same question"));
        let alike = Explanation { compared: vec![compared(Outcome::Serves)], ..explanation(MISSING) };
        assert!(shown(&alike, PLAIN).starts_with("HIT by meaning, 0.981 alike: Do you have volume 71"));
        let bypass =
            Explanation { compared: vec![compared(Outcome::Serves)], ..explanation(Same::NoCache { no_store: false }) };
        assert!(shown(&bypass, PLAIN).starts_with("MISS"), "what is not looked for cannot hit");
    }

    #[test]
    fn a_write_that_was_refused_is_the_reason_of_the_miss() {
        let not_kept = Some((crate::clock::Timestamp(0), "the store is out of memory".to_owned()));
        let text = shown(&explanation(Same::Missing { not_kept }), PLAIN);
        assert!(text.contains("was not kept: the\n             store is out of memory"), "{text}");
    }
}
