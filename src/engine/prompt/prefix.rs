//! What of a request a provider keeps in its prompt cache: the system prompt and the tools, in front of the conversation.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    digest::Digest,
    engine::{asked::Asked, dialect::Dialect},
};

/// A longer prefix is not remembered. Unit: bytes.
pub const LONGEST: usize = 256 << 10;

/// The cached prefix of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The format it is written in.
    pub dialect: Dialect,
    /// The system prompt as it was written: OpenAI's leading messages with commas between, the member `system` of others.
    pub system: String,
    /// The tools as they were written; empty without.
    pub tools: String,
    /// Stands for both.
    pub digest: Digest,
    /// By which name OpenAI's format limits an answer here: newer models take one, older servers the other.
    limit: &'static str,
}

/// What of a body is the prefix.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    messages: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    system: Option<&'a RawValue>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    #[serde(borrow, rename = "toolConfig")]
    tool_config: Option<&'a RawValue>,
    #[serde(borrow)]
    max_completion_tokens: Option<&'a RawValue>,
}

const OLDER: &str = "max_tokens";
const NEWER: &str = "max_completion_tokens";

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: std::borrow::Cow<'a, str>,
}

impl Prefix {
    /// The prefix of a request; `None` when it has none, or its format is not known.
    pub fn of(asked: &Asked) -> Option<Self> {
        let body: Body<'_> = serde_json::from_slice(&asked.body).ok()?;
        let raw = |value: Option<&RawValue>| value.map_or_else(String::new, |value| value.get().to_owned());
        let (system, tools) = match asked.dialect {
            Dialect::OpenAi => (leading(&body.messages?), raw(body.tools)),
            Dialect::Converse => (raw(body.system), raw(body.tool_config)),
            Dialect::Messages => (raw(body.system), raw(body.tools)),
            Dialect::Native => return None,
        };
        let limit = if body.max_completion_tokens.is_some() { NEWER } else { OLDER };
        (!system.is_empty() || !tools.is_empty()).then(|| Self { limit, ..Self::new(asked.dialect, system, tools) })
    }

    /// A prefix of these parts.
    pub fn new(dialect: Dialect, system: String, tools: String) -> Self {
        let digest = Digest::of([dialect.label().as_bytes(), system.as_bytes(), tools.as_bytes()]);
        Self { dialect, system, tools, digest, limit: OLDER }
    }

    /// No system prompt and no tools.
    pub fn empty(dialect: Dialect) -> Self {
        Self::new(dialect, String::new(), String::new())
    }

    /// Whether it is short enough to be remembered.
    pub fn is_bounded(&self) -> bool {
        self.system.len() + self.tools.len() <= LONGEST
    }

    /// In one piece, to be compared.
    pub fn text(&self) -> String {
        format!("{}{}", self.system, self.tools)
    }

    /// The smallest request with this prefix, for whoever keeps it alive: it asks for one token.
    pub fn probe(&self) -> (Bytes, std::ops::Range<usize>) {
        let Self { dialect, system, tools, limit, .. } = self;
        let member = |name: &str, value: &str| match value.is_empty() {
            true => String::new(),
            false => format!(",\"{name}\":{value}"),
        };
        match dialect {
            Dialect::OpenAi => {
                const BEGINNING: &str = "{\"model\":\"\"";
                let comma = if system.is_empty() { "" } else { "," };
                let tools = member("tools", tools);
                let body = format!(
                    "{BEGINNING},\"{limit}\":1,\"messages\":[{system}{comma}{{\"role\":\"user\",\"content\":\".\"}}]{tools}}}"
                );
                (body.into(), BEGINNING.len() - 2..BEGINNING.len())
            }
            Dialect::Converse => {
                let (system, tools) = (member("system", system), member("toolConfig", tools));
                let body = format!(
                    "{{\"inferenceConfig\":{{\"maxTokens\":1}},\"messages\":[{{\"role\":\"user\",\"content\":[{{\"text\":\".\"}}]}}]{system}{tools}}}"
                );
                (body.into(), 0..0)
            }
            Dialect::Messages | Dialect::Native => {
                let (system, tools) = (member("system", system), member("tools", tools));
                let body = format!(
                    "{{\"max_tokens\":1,\"messages\":[{{\"role\":\"user\",\"content\":\".\"}}]{system}{tools}}}"
                );
                (body.into(), 0..0)
            }
        }
    }
}

/// OpenAI's messages up to the first that is not an instruction.
fn leading(messages: &[&RawValue]) -> String {
    let is_instruction = |message: &&&RawValue| {
        let read = serde_json::from_str::<Message<'_>>(message.get());
        read.is_ok_and(|message| ["system", "developer"].contains(&&*message.role))
    };
    messages.iter().take_while(is_instruction).map(|message| message.get()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::model::testing::asked;

    fn prefix(dialect: Dialect, body: &str) -> Option<Prefix> {
        Prefix::of(&Asked { dialect, body: Bytes::copy_from_slice(body.as_bytes()), ..asked("?") })
    }

    #[test]
    fn the_prefix_is_what_stands_in_front_of_the_conversation() {
        let openai = r#"{"tools":[{"a":1}],"messages":[{"role":"system","content":"S"},{"role":"developer","content":"D"},{"role":"user","content":"?"},{"role":"system","content":"late"}]}"#;
        let found = prefix(Dialect::OpenAi, openai).expect("a prefix");
        assert_eq!(found.system, r#"{"role":"system","content":"S"},{"role":"developer","content":"D"}"#);
        assert_eq!(found.tools, r#"[{"a":1}]"#);
        let converse = r#"{"system":[{"text":"S"}],"messages":[{"role":"user","content":[]}]}"#;
        assert_eq!(prefix(Dialect::Converse, converse).expect("a prefix").system, r#"[{"text":"S"}]"#);
        assert_eq!(prefix(Dialect::OpenAi, r#"{"messages":[{"role":"user","content":"?"}]}"#), None);
        assert_eq!(prefix(Dialect::Native, r#"{"system":"S"}"#), None);
    }

    #[test]
    fn a_probe_has_the_same_prefix_to_the_byte() {
        for (dialect, body) in [
            (
                Dialect::OpenAi,
                r#"{"messages":[{"role":"system","content":"S"},{"role":"user","content":"?"}],"tools":[{"a": 1}]}"#,
            ),
            (
                Dialect::Converse,
                r#"{"system":[{"text":"S"},{"cachePoint":{"type":"default"}}],"toolConfig":{"tools":[]},"messages":[]}"#,
            ),
            (Dialect::Messages, r#"{"system":"S","messages":[],"max_tokens":5}"#),
        ] {
            let found = prefix(dialect, body).expect("a prefix");
            let (probe, model) = found.probe();
            assert_eq!(prefix(dialect, std::str::from_utf8(&probe).expect("text")), Some(found), "{dialect:?}");
            if dialect == Dialect::OpenAi {
                assert_eq!(&probe[model], b"\"\"");
            }
        }
    }
}
