//! Whether a cached answer's price still holds. Pure: the answer's text and the live prices in, a verdict out.

use std::collections::BTreeMap;

use super::{Quote, catalogue::Subject};
use crate::{dice::Dice, money::Money};

/// What comparing found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What the answer quotes is what the catalogue says.
    Consistent,
    /// It is not.
    Mismatch {
        /// What the answer quotes.
        quoted: Vec<Money>,
        /// What the catalogue says.
        live: Vec<Money>,
    },
    /// Nothing can be said; never taken for consistent.
    Unknown(Why),
}

/// Why nothing can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The answer names no product.
    NoProduct,
    /// It quotes no price.
    NoPrice,
    /// It quotes fewer prices than it names products: which is whose cannot be told.
    Ambiguous,
    /// The catalogue did not answer.
    CatalogueAway,
    /// The catalogue has no price for it, or one in another currency.
    NotSold,
}

impl Why {
    /// In a word.
    pub fn label(self) -> &'static str {
        match self {
            Self::NoProduct => "no product",
            Self::NoPrice => "no price",
            Self::Ambiguous => "ambiguous",
            Self::CatalogueAway => "catalogue away",
            Self::NotSold => "no live price",
        }
    }
}

/// Compares what an answer quotes today's prices to be with the live prices of each product that it names.
///
/// Every product must have one of its live prices quoted. An answer about several products must quote as many prices.
pub fn compare(quotes: &[Quote], live: &[Vec<Money>]) -> Verdict {
    if live.is_empty() {
        return Verdict::Unknown(Why::NoProduct);
    }
    if quotes.is_empty() {
        return Verdict::Unknown(Why::NoPrice);
    }
    if quotes.len() < live.len() {
        return Verdict::Unknown(Why::Ambiguous);
    }
    let comparable = |prices: &Vec<Money>| {
        prices.iter().any(|price| quotes.iter().any(|quote| quote.price.currency == price.currency))
    };
    if !live.iter().all(comparable) {
        return Verdict::Unknown(Why::NotSold);
    }
    let is_quoted = |prices: &Vec<Money>| prices.iter().any(|price| quotes.iter().any(|quote| quote.covers(*price)));
    if live.iter().all(is_quoted) {
        return Verdict::Consistent;
    }
    Verdict::Mismatch {
        quoted: quotes.iter().map(|quote| quote.price).collect(),
        live: live.iter().flatten().copied().collect(),
    }
}

/// `most` of the candidates by chance, spread over their subjects: no product is drawn twice before each was drawn once.
pub fn draw<T>(candidates: Vec<(Subject, T)>, most: usize, dice: &Dice) -> Vec<(Subject, T)> {
    let mut by_subject: BTreeMap<Subject, Vec<T>> = BTreeMap::new();
    for (subject, candidate) in candidates {
        by_subject.entry(subject).or_default().push(candidate);
    }
    let mut piles: Vec<_> = by_subject.into_iter().collect();
    shuffle(&mut piles, dice);
    piles.iter_mut().for_each(|(_, pile)| shuffle(pile, dice));
    let mut drawn = Vec::new();
    while drawn.len() < most && !piles.is_empty() {
        for (subject, pile) in &mut piles {
            if drawn.len() < most {
                drawn.extend(pile.pop().map(|one| (subject.clone(), one)));
            }
        }
        piles.retain(|(_, pile)| !pile.is_empty());
    }
    drawn
}

fn shuffle<T>(list: &mut [T], dice: &Dice) {
    for at in (1..list.len()).rev() {
        let other = (dice.bits() % (at as u64 + 1)) as usize;
        list.swap(at, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::price::current, money::Currency};

    fn yen(amounts: &[i64]) -> Vec<Money> {
        amounts.iter().map(|amount| Money::new(*amount, Currency::JPY)).collect()
    }

    fn verdict(text: &str, live: &[&[i64]]) -> Verdict {
        compare(&current(text), &live.iter().map(|prices| yen(prices)).collect::<Vec<_>>())
    }

    #[test]
    fn the_flash_sale_of_the_box_set_is_found() {
        let stale = verdict("The Demon Slayer Complete Box Set costs ¥12,800.", &[&[8_980]]);
        assert_eq!(stale, Verdict::Mismatch { quoted: yen(&[12_800]), live: yen(&[8_980]) });
        assert_eq!(verdict("The box set costs 8,980円.", &[&[8_980]]), Verdict::Consistent);
    }

    #[test]
    fn digits_that_only_look_alike_do_not_make_it_right() {
        for text in [
            "It costs ¥18,980.",
            "It costs ¥89,800.",
            "It costs ¥9,980 and has 8980 pages.",
            "It was ¥8,980, now ¥9,980.",
        ] {
            assert!(matches!(verdict(text, &[&[8_980]]), Verdict::Mismatch { .. }), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_compared_is_unknown_never_consistent() {
        for (text, live, why) in [
            ("It costs ¥528.", &[][..], Why::NoProduct),
            ("It is a fine series.", &[&[528][..]][..], Why::NoPrice),
            ("Both cost ¥528.", &[&[528], &[550]], Why::Ambiguous),
            ("It costs ¥528.", &[&[]], Why::NotSold),
            ("It costs $5.28.", &[&[528]], Why::NotSold),
        ] {
            assert_eq!(verdict(text, live), Verdict::Unknown(why), "{text}");
        }
    }

    #[test]
    fn a_title_with_several_prices_is_right_with_any_and_several_titles_only_with_all() {
        assert_eq!(verdict("Volume 105 is ¥528.", &[&[484, 528, 550]]), Verdict::Consistent);
        assert_eq!(verdict("One is ¥528, the other ¥550.", &[&[528], &[550]]), Verdict::Consistent);
        assert!(matches!(verdict("One is ¥528, the other ¥550.", &[&[528], &[600]]), Verdict::Mismatch { .. }));
    }

    #[test]
    fn a_sample_is_spread_over_products_and_repeats_with_its_seed() {
        let candidates =
            || (0..60).map(|n| (Subject::Product(format!("p{}", if n < 50 { 0 } else { n })), n)).collect::<Vec<_>>();
        let drawn = draw(candidates(), 11, &Dice::seeded(1));
        let products: std::collections::BTreeSet<_> = drawn.iter().map(|(subject, _)| subject.clone()).collect();
        assert_eq!((drawn.len(), products.len()), (11, 11));
        assert_eq!(draw(candidates(), 11, &Dice::seeded(1)), drawn);
        assert_ne!(draw(candidates(), 11, &Dice::seeded(2)), drawn);
        assert_eq!(draw(candidates(), 1_000, &Dice::seeded(1)).len(), 60);
    }
}
