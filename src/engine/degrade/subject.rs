//! What a question is about, said back to the user: its order number, else the title it names.

use std::sync::Arc;

use super::language::Language;
use crate::engine::understand::{intent::Scope, question::Question};

/// An order number has so many digits at least, and so many characters at most.
const FEWEST_DIGITS: usize = 4;
const LONGEST: usize = 32;

/// What a question names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Subject {
    /// An order number, without `#`.
    pub(super) order: Option<String>,
    /// The first title.
    pub(super) title: Option<Arc<str>>,
}

impl Subject {
    /// What this question names. A number is an order's when it is marked as one (`#12345`), or when the question is about
    /// something of the user's own.
    pub(super) fn of(question: &Question) -> Self {
        let own = question.scope == Scope::User;
        Self { order: order_number(&question.asked.text, own), title: question.entities.first().cloned() }
    }

    /// "your question about order #12345".
    pub(super) fn acknowledged(&self, language: Language) -> String {
        match (language, &self.order, &self.title) {
            (Language::En, Some(order), _) => format!("your question about order #{order}"),
            (Language::En, None, Some(title)) => format!("your question about {title}"),
            (Language::En, None, None) => "your question".into(),
            (Language::Ja, Some(order), _) => format!("ご注文 #{order} についてのご質問"),
            (Language::Ja, None, Some(title)) => format!("「{title}」についてのご質問"),
            (Language::Ja, None, None) => "ご質問".into(),
        }
    }

    /// The title as a part of an address.
    pub(super) fn title_link(&self) -> Option<String> {
        let title = self.title.as_deref()?;
        Some(title.bytes().fold(String::with_capacity(title.len()), |mut link, byte| {
            if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
                link.push(byte as char);
            } else {
                link.push_str(&format!("%{byte:02X}"));
            }
            link
        }))
    }
}

/// The first number in the text that can be an order's: ASCII letters, digits and hyphens only, whatever stands around it.
fn order_number(text: &str, own: bool) -> Option<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    // Full-width signs are what a Japanese keyboard gives.
    let text: String = text.chars().map(narrow).collect();
    let mut rest = text.as_str();
    loop {
        let start = rest.find(is_part)?;
        let word = rest.get(start..)?.split(|c| !is_part(c)).next()?;
        let marked = rest.get(..start)?.ends_with('#');
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let number = word.trim_matches('-');
        if (marked || own) && digits >= FEWEST_DIGITS && number.len() <= LONGEST && digits * 2 >= number.len() {
            return Some(number.to_owned());
        }
        rest = rest.get(start + word.len()..)?;
    }
}

fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_number_is_found_where_people_write_it_and_nowhere_else() {
        let of = |text, own| order_number(text, own);
        assert_eq!(of("Where is my order #12345?", true).as_deref(), Some("12345"));
        assert_eq!(of("注文番号112-5551-88の状況は", true).as_deref(), Some("112-5551-88"));
        assert_eq!(of("注文#12345はどこ", true).as_deref(), Some("12345"));
        assert_eq!(of("order JP-4821-77 please", true).as_deref(), Some("JP-4821-77"));
        assert_eq!(of("is volume 12345 of Naruto out", false), None, "not marked, not the user's own");
        assert_eq!(of("see #12345", false).as_deref(), Some("12345"));
        assert_eq!(of("where is my order", true), None);
        assert_eq!(of("order 12", true), None);
        assert_eq!(of(&format!("order {}", "9".repeat(500)), true), None);
    }

    #[test]
    fn a_title_in_an_address_is_encoded() {
        let subject = Subject { order: None, title: Some("Kaiju No. 8/鬼".into()) };
        assert_eq!(subject.title_link().as_deref(), Some("Kaiju%20No.%208%2F%E9%AC%BC"));
    }
}
