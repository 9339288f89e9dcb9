//! Whether two answers say the same: the one from the cache and the one a model gives to the question itself.
//!
//! Models word one answer in many ways, so words alone prove nothing. **Same**: alike in their words once titles are masked,
//! and they agree in every number, every title and in yes or no. **Different**: they contradict each other; nearly the same
//! words about other numbers or titles or with the opposite polarity, or no number and no title in common where both name
//! some. Everything else is **undecided**, which counts for nothing.

use std::collections::BTreeSet;

use serde::Serialize;

use super::embed::{EmbedError, Embedder, of_length};
use crate::engine::understand::{Understanding, claims::Claims};

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// They say the same.
    Same,
    /// They contradict each other.
    Different,
    /// Nobody can tell.
    Undecided,
}

impl Verdict {
    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different => "different",
            Self::Undecided => "undecided",
        }
    }

    /// Whether the answer was right; `None` when nobody can tell.
    pub fn is_right(self) -> Option<bool> {
        match self {
            Self::Same => Some(true),
            Self::Different => Some(false),
            Self::Undecided => None,
        }
    }
}

/// Texts at least so much alike may say the same.
const ALIKE: f64 = 0.80;
/// Texts at least so much alike are one text with other facts in it.
const ONE_TEXT: f64 = 0.90;
/// Texts at least so much alike that agree in their facts, one of them denying, are yes and no to one question.
const YES_AND_NO: f64 = 0.75;

/// Compares two answers.
///
/// # Errors
/// What the embedder says.
pub async fn compare(
    kept: &str,
    fresh: &str,
    shop: &Understanding,
    embedder: &dyn Embedder,
) -> Result<Verdict, EmbedError> {
    if kept.trim().is_empty() || fresh.trim().is_empty() {
        return Ok(Verdict::Undecided);
    }
    if kept.trim() == fresh.trim() {
        return Ok(Verdict::Same);
    }
    let [kept, fresh] = [kept, fresh].map(|text| shop.claims(text));
    let (one, other) = (vector(embedder, &kept.frame).await?, vector(embedder, &fresh.frame).await?);
    Ok(judge(&kept, &fresh, cosine(&one, &other)))
}

/// The verdict on two answers that are so much alike in their words.
fn judge(kept: &Claims, fresh: &Claims, similarity: f64) -> Verdict {
    let facts_agree = kept.titles == fresh.titles && kept.numbers == fresh.numbers;
    let polarity_agrees = kept.denies == fresh.denies;
    let nothing_shared =
        |one: &BTreeSet<u64>, other: &BTreeSet<u64>| !one.is_empty() && !other.is_empty() && one.is_disjoint(other);
    let contradict = nothing_shared(&kept.titles, &fresh.titles) || nothing_shared(&kept.numbers, &fresh.numbers);
    match similarity {
        _ if contradict => Verdict::Different,
        alike if alike >= ALIKE && facts_agree && polarity_agrees => Verdict::Same,
        alike if alike >= YES_AND_NO && facts_agree && !polarity_agrees => Verdict::Different,
        alike if alike >= ONE_TEXT && !facts_agree => Verdict::Different,
        _ => Verdict::Undecided,
    }
}

async fn vector(embedder: &dyn Embedder, text: &str) -> Result<Vec<f32>, EmbedError> {
    of_length(embedder.embed(text).await?, embedder.dimensions())
}

fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let product = (dot(one, one) * dot(other, other)).sqrt();
    if product > 0.0 { dot(one, other) / product } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::{
        config::{files::Files, problem::Problems},
        engine::recall::embed::hashed::Hashed,
    };

    async fn verdict(kept: &str, fresh: &str) -> Verdict {
        static SHOP: LazyLock<Understanding> =
            LazyLock::new(|| Understanding::load(&Files::shipped(), &mut Problems::default()).expect("shipped files"));
        let embedder = Hashed::new(SHOP.lexicon().clone());
        compare(kept, fresh, &SHOP, &embedder).await.expect("the built-in embedder never fails")
    }

    #[tokio::test]
    async fn the_same_facts_in_nearly_the_same_words_are_the_same() {
        for (kept, fresh) in [
            (
                "Volume 110 of One Piece comes out on 2026-11-04.",
                "One Piece volume 110 will be released on 2026-11-04.",
            ),
            ("ナルトは72巻で完結しています。", "ナルトは、72巻で完結しています！"),
            ("Yes, we ship to Canada.", "Yes, we ship to Canada."),
        ] {
            assert_eq!(verdict(kept, fresh).await, Verdict::Same, "{kept} / {fresh}");
        }
    }

    #[tokio::test]
    async fn other_facts_are_different_however_alike_the_words() {
        for (kept, fresh) in [
            ("Volume 110 comes out on November 4.", "Volume 111 comes out on December 7."),
            ("Dragon Ball has sequels and films.", "Dragon Ball Super has sequels and films."),
            (
                "Yes, we ship manga orders to Canada by courier.",
                "No, we do not ship manga orders to Canada by courier.",
            ),
            ("ナルト3巻は5月4日発売です", "ナルト7巻は6月8日発売です"),
        ] {
            assert_eq!(verdict(kept, fresh).await, Verdict::Different, "{kept} / {fresh}");
        }
    }

    #[tokio::test]
    async fn what_nobody_can_tell_is_undecided() {
        for (kept, fresh) in [
            (
                "Try Berserk, Vagabond and Vinland Saga.",
                "You may like Berserk and Vagabond, dark and beautifully drawn.",
            ),
            ("", "Yes."),
            ("Our shop is glad to help with any parcel.", "Refunds take a week once the warehouse has looked at it."),
        ] {
            assert_eq!(verdict(kept, fresh).await, Verdict::Undecided, "{kept} / {fresh}");
        }
    }
}
