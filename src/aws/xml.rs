//! Answers in XML, as a small tree.

use xmlparser::{ElementEnd, Token, Tokenizer};

/// Deeper than this is no answer of AWS.
const DEEPEST: usize = 64;

/// One element with all that is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// Its name, without a namespace.
    pub(super) name: String,
    /// Its text.
    pub(super) text: String,
    /// What is in it, in order.
    pub(super) children: Vec<Element>,
}

impl Element {
    /// The root; `None` when it is not XML.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut open = vec![Self::default()];
        for token in Tokenizer::from(text) {
            match token.ok()? {
                Token::ElementStart { local, .. } if open.len() <= DEEPEST => {
                    open.push(Self { name: local.as_str().to_owned(), ..Self::default() });
                }
                Token::ElementStart { .. } => return None,
                Token::ElementEnd { end: ElementEnd::Close(..) | ElementEnd::Empty, .. } => {
                    let closed = open.pop()?;
                    open.last_mut()?.children.push(closed);
                }
                Token::Text { text } => open.last_mut()?.text.push_str(&unescape(text.as_str())),
                Token::Cdata { text, .. } => open.last_mut()?.text.push_str(text.as_str()),
                _ => {}
            }
        }
        let mut document = open.pop().filter(|_| open.is_empty())?;
        document.children.pop()
    }

    /// The first element on a path of names.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |element, name| element.children.iter().find(|child| child.name == *name))
    }

    /// The text at a path.
    pub(super) fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path).map(|element| element.text.trim())
    }
}

/// A path's or a value's characters as XML wants them.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn unescape(text: &str) -> String {
    let known = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    known.iter().fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_by_path() {
        let root = Element::read(
            b"<?xml version=\"1.0\"?><a xmlns=\"u\"><b><c>1 &lt; 2 &amp;amp;</c><d/></b><b><c>x</c></b></a>",
        );
        let root = root.expect("XML");
        assert_eq!(root.text_at(&["b", "c"]), Some("1 < 2 &amp;"));
        assert_eq!(root.children.len(), 2);
    }

    #[test]
    fn what_is_not_xml_or_bottomless_is_nothing() {
        let deep = "<a>".repeat(100_000);
        assert!(Element::read(deep.as_bytes()).is_none());
        for text in ["", "{}", "<a>", "<a></b", "\u{0}"] {
            assert!(Element::read(text.as_bytes()).is_none_or(|root| root.children.is_empty()), "{text}");
        }
    }
}
