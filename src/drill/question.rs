//! What people ask: sentences with blanks, and words to fill them.

use std::sync::Arc;

use crate::dice::Dice;

/// A sentence with blanks: `Is {title} volume {volume} in stock?`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    fact: Option<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// One of these words, under this name; earlier ones are asked for more often.
    Blank(String, Arc<[String]>),
    /// A number that is hardly ever drawn twice.
    Fresh,
}

/// A question and what a right answer to it must speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The words.
    pub text: String,
    /// What was filled into the blanks.
    pub about: Vec<String>,
    /// The topic of which a right answer says what is true.
    pub fact: Option<Arc<str>>,
}

impl Template {
    /// Reads a sentence; `words` gives the words of a blank.
    ///
    /// # Errors
    /// The first blank that has no words, or that is not closed.
    pub fn parse(text: &str, words: impl Fn(&str) -> Option<Arc<[String]>>) -> Result<Self, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (blank, tail) = after.split_once('}').ok_or_else(|| format!("`{text}` has a `{{` without `}}`"))?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(match (blank, words(blank)) {
                ("fresh", _) => Part::Fresh,
                (_, Some(words)) if !words.is_empty() => Part::Blank(blank.to_owned(), words),
                _ => {
                    return Err(format!("nothing is known to fill `{{{blank}}}` with; list some words under `words:`"));
                }
            });
            rest = tail;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { parts, fact: None })
    }

    /// The same, and a right answer says what is true of this topic, whose blank is filled as the question's.
    pub fn with_fact(self, fact: Option<Arc<str>>) -> Self {
        Self { fact, ..self }
    }

    /// Fills the blanks.
    pub fn fill(&self, dice: &Dice) -> Question {
        let mut question = Question { text: String::new(), about: Vec::new(), fact: self.fact.clone() };
        for part in &self.parts {
            let word = match part {
                Part::Text(text) => {
                    question.text.push_str(text);
                    continue;
                }
                Part::Blank(name, words) => {
                    let word = &words[popular(words.len(), dice)];
                    let fill = |fact: Arc<str>| fact.replace(&format!("{{{name}}}"), word).into();
                    question.fact = question.fact.map(fill);
                    word.clone()
                }
                Part::Fresh => format!("{:010}", dice.bits() % 10_000_000_000),
            };
            question.text.push_str(&word);
            question.about.push(word);
        }
        question
    }
}

/// A place in a list of this length; the chance of each is inverse to its rank (Zipf), drawn by inverting the continuous law.
fn popular(length: usize, dice: &Dice) -> usize {
    let rank = ((length as f64 + 1.0).ln() * dice.roll()).exp();
    (rank as usize).clamp(1, length) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str) -> Option<Arc<[String]>> {
        (name == "title").then(|| ["One Piece", "Naruto", "Bleach"].map(String::from).to_vec().into())
    }

    #[test]
    fn a_right_answer_must_speak_of_what_fills_the_blanks() {
        let template = Template::parse("Is {title} in stock?", words).expect("a template");
        let question = template.fill(&Dice::seeded(1));
        assert_eq!(question.text, format!("Is {} in stock?", question.about[0]));
    }

    #[test]
    fn the_blank_of_a_topic_is_filled_as_that_of_the_question() {
        let template = Template::parse("How much is {title}?", words).expect("a template");
        let question = template.with_fact(Some("price of {title}".into())).fill(&Dice::seeded(1));
        assert_eq!(question.fact.as_deref(), Some(format!("price of {}", question.about[0]).as_str()));
    }

    #[test]
    fn earlier_words_are_asked_for_more_often() {
        let template = Template::parse("{title}", words).expect("a template");
        let dice = Dice::seeded(7);
        let asked: Vec<_> = (0..3_000).map(|_| template.fill(&dice).text).collect();
        let count = |title: &str| asked.iter().filter(|text| *text == title).count();
        assert!(count("One Piece") > count("Naruto") && count("Naruto") > count("Bleach"));
    }

    #[test]
    fn a_blank_without_words_is_a_mistake() {
        let mistake = Template::parse("Is {tittle} in stock?", words).expect_err("a mistake");
        assert!(mistake.contains("`{tittle}`"), "{mistake}");
    }
}
