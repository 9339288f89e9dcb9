//! What an answer costs.

use super::usage::Usage;
use crate::units::Usd;

/// A model's prices. Unit: US dollars per million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prices {
    /// Of prompt tokens that were not read from the prompt cache.
    pub prompt: f64,
    /// Of prompt tokens that were.
    pub cached: f64,
    /// Of prompt tokens that were written to it.
    pub written: f64,
    /// Of the answer's tokens.
    pub completion: f64,
}

impl Prices {
    /// The price of these tokens.
    pub fn cost(&self, usage: &Usage) -> Usd {
        let plain = usage.prompt.saturating_sub(usage.cache_read).saturating_sub(usage.cache_write);
        let parts = [
            (plain, self.prompt),
            (usage.cache_read, self.cached),
            (usage.cache_write, self.written),
            (usage.completion, self.completion),
        ];
        parts.into_iter().map(|(tokens, price)| Usd::for_tokens(tokens, price)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_are_paid_at_their_own_price_and_only_once() {
        let prices = Prices { prompt: 2.0, cached: 0.5, written: 2.5, completion: 8.0 };
        let usage = Usage { prompt: 1_000, completion: 100, cache_read: 600, cache_write: 200 };
        assert_eq!(prices.cost(&usage), Usd::micros(200 * 2 + 300 + 500 + 800));
    }
}
