//! How long a prefix must be before a provider keeps it, and how long one is.
//!
//! OpenAI: 1,024 tokens (platform guide "Prompt caching"). Anthropic and Bedrock: 1,024 for most models, more for some small
//! and some recent large ones (Bedrock user guide "Prompt caching", Anthropic's "Prompt caching"). The numbers change with
//! every generation of models: an operator's `prompt_cache.least` counts instead.

/// What holds for models that are not known to differ. Unit: tokens.
pub const USUAL: u64 = 1_024;

/// Models that want more, by a part of their name.
const MORE: [(&str, u64); 7] = [
    ("haiku-4-5", 4_096),
    ("opus-4-5", 4_096),
    ("opus-4-6", 4_096),
    ("opus-4-7", 4_096),
    ("3-5-haiku", 2_048),
    ("3-haiku", 2_048),
    ("haiku-3", 2_048),
];

/// The fewest tokens that a model's provider keeps.
pub fn of(model: &str) -> u64 {
    MORE.iter().find(|(part, _)| model.contains(part)).map_or(USUAL, |(_, least)| *least)
}

/// About how many tokens a text has: four letters of an alphabet to one, one to each character of Chinese or Japanese.
pub fn tokens(text: &str) -> u64 {
    let (wide, narrow) = text.chars().fold((0_u64, 0_u64), |(wide, narrow), c| match u32::from(c) >= 0x2E80 {
        true => (wide + 1, narrow),
        false => (wide, narrow + 1),
    });
    wide + narrow.div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_models_want_longer_prefixes() {
        assert_eq!(of("anthropic.claude-3-haiku-20240307-v1:0"), 2_048);
        assert_eq!(of("apac.anthropic.claude-haiku-4-5-20251001-v1:0"), 4_096);
        assert_eq!((of("gpt-4o-mini"), of("primary")), (1_024, 1_024));
    }

    #[test]
    fn tokens_are_guessed_by_the_script() {
        assert_eq!((tokens("You are kind."), tokens("鬼滅の刃")), (4, 4));
    }
}
