//! What of an OpenAI request Converse can be asked, and what it cannot.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use crate::{
    aws::bedrock::{Conversation, Turn},
    engine::model::failure::Failure,
};

#[derive(Deserialize)]
struct Request {
    messages: Vec<Message>,
    max_tokens: Option<i32>,
    max_completion_tokens: Option<i32>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    stop: Option<OneOrMore>,
    n: Option<u32>,
    tools: Option<Vec<IgnoredAny>>,
    functions: Option<Vec<IgnoredAny>>,
    response_format: Option<Format>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Option<Content>,
    tool_calls: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    r#type: String,
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Deserialize)]
struct Format {
    r#type: Value,
}

/// The conversation of a request's body.
pub(super) fn read(body: &[u8]) -> Result<Conversation, Failure> {
    let request: Request = serde_json::from_slice(body)
        .map_err(|error| Failure::untranslatable(format!("the request cannot be read for Bedrock: {error}")))?;
    request.check()?;
    let mut conversation = Conversation {
        max_tokens: request.max_completion_tokens.or(request.max_tokens),
        temperature: request.temperature,
        top_p: request.top_p,
        stop: request.stop.map(OneOrMore::list).unwrap_or_default(),
        ..Conversation::default()
    };
    for message in request.messages {
        add(&mut conversation, message)?;
    }
    if conversation.turns.first().is_none_or(|turn| !turn.by_user) {
        return Err(cannot("a conversation that the user does not begin"));
    }
    Ok(conversation)
}

impl Request {
    fn check(&self) -> Result<(), Failure> {
        let some = |list: &Option<Vec<IgnoredAny>>| list.as_ref().is_some_and(|list| !list.is_empty());
        if some(&self.tools) || some(&self.functions) {
            return Err(cannot("tools"));
        }
        if self.n.is_some_and(|choices| choices > 1) {
            return Err(cannot("more than one choice"));
        }
        match &self.response_format {
            Some(format) if format.r#type != "text" => Err(cannot("a response format")),
            _ => Ok(()),
        }
    }
}

/// System messages go to the system prompt, wherever they stand; turns of the same speaker become one.
fn add(conversation: &mut Conversation, message: Message) -> Result<(), Failure> {
    if message.tool_calls.is_some_and(|calls| !calls.is_empty()) {
        return Err(cannot("a tool call"));
    }
    let text = paragraphs(message.content)?;
    let by_user = match message.role.as_str() {
        "system" | "developer" => {
            conversation.system.extend(text);
            return Ok(());
        }
        "user" => true,
        "assistant" => false,
        _ => return Err(cannot("a message that is neither the user's nor the model's")),
    };
    match conversation.turns.last_mut() {
        Some(last) if last.by_user == by_user => last.text.extend(text),
        _ if text.is_empty() => {}
        _ => conversation.turns.push(Turn { by_user, text }),
    }
    Ok(())
}

/// Bedrock refuses blank text.
fn paragraphs(content: Option<Content>) -> Result<Vec<String>, Failure> {
    let parts = match content {
        None => Vec::new(),
        Some(Content::Text(text)) => vec![text],
        Some(Content::Parts(parts)) => parts.into_iter().map(Part::text).collect::<Result<_, _>>()?,
    };
    Ok(parts.into_iter().filter(|text| !text.trim().is_empty()).collect())
}

impl Part {
    fn text(self) -> Result<String, Failure> {
        match (self.r#type.as_str(), self.text) {
            ("text", Some(text)) => Ok(text),
            _ => Err(cannot("anything but text")),
        }
    }
}

impl OneOrMore {
    fn list(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::More(more) => more,
        }
    }
}

fn cannot(what: &str) -> Failure {
    Failure::untranslatable(format!(
        "this model is asked through Bedrock's Converse, and Banto does not translate {what} yet"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn conversation(request: Value) -> Result<Conversation, String> {
        read(request.to_string().as_bytes()).map_err(|failure| {
            assert!(failure.is_untranslatable());
            failure.detail.to_string()
        })
    }

    #[test]
    fn a_chat_becomes_a_conversation() {
        let read = conversation(json!({
            "messages": [
                { "role": "system", "content": "Be brief." },
                { "role": "user", "content": [{ "type": "text", "text": "Hello" }] },
                { "role": "user", "content": "there" },
                { "role": "assistant", "content": "Hi." },
                { "role": "user", "content": "How much?" },
            ],
            "max_tokens": 50, "temperature": 0.5, "stop": "END", "unknown": {},
        }))
        .expect("a conversation");
        let turn = |by_user, text: &[&str]| Turn { by_user, text: text.iter().map(|t| (*t).to_owned()).collect() };
        assert_eq!(read.system, ["Be brief."]);
        assert_eq!(read.turns, [turn(true, &["Hello", "there"]), turn(false, &["Hi."]), turn(true, &["How much?"])]);
        assert_eq!((read.max_tokens, read.temperature, read.stop), (Some(50), Some(0.5), vec!["END".to_owned()]));
    }

    #[test]
    fn what_cannot_be_translated_says_what_it_is() {
        let user = json!([{ "role": "user", "content": "?" }]);
        let image = json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": {} }] }]);
        for (request, what) in [
            (json!({ "messages": user, "tools": [{}] }), "tools"),
            (json!({ "messages": user, "n": 2 }), "more than one choice"),
            (json!({ "messages": user, "response_format": { "type": "json_object" } }), "a response format"),
            (json!({ "messages": image }), "anything but text"),
            (json!({ "messages": [{ "role": "assistant", "content": "Hi" }] }), "the user does not begin"),
            (json!({ "messages": [{ "role": "tool", "content": "1" }] }), "neither the user's nor the model's"),
        ] {
            let told = conversation(request).expect_err("not translatable");
            assert!(told.contains(what), "{told}");
        }
        assert!(conversation(json!({ "messages": user, "tools": [], "response_format": { "type": "text" } })).is_ok());
    }
}
