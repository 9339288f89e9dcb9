//! `*` stands for anything, `\*` for a star.

/// Whether `text` fits `glob`. Takes at most the product of their lengths.
pub fn fits(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<Sign>, Vec<char>) = (signs(glob), text.chars().collect());
    let (mut g, mut t) = (0, 0);
    // Where the last star was, and how much of the text it has taken.
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some(Sign::Star) => {
                back = Some((g, t));
                g += 1;
            }
            Some(Sign::Letter(letter)) if *letter == text[t] => (g, t) = (g + 1, t + 1),
            _ => match back {
                Some((star, taken)) => {
                    back = Some((star, taken + 1));
                    (g, t) = (star + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|sign| *sign == Sign::Star)
}

/// Whether nothing but stars is left of it, so that everything fits.
pub fn fits_everything(glob: &str) -> bool {
    signs(glob).iter().all(|sign| *sign == Sign::Star)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Star,
    Letter(char),
}

fn signs(glob: &str) -> Vec<Sign> {
    let mut letters = glob.chars().peekable();
    let mut signs = Vec::new();
    while let Some(letter) = letters.next() {
        signs.push(match letter {
            '*' => Sign::Star,
            '\\' => match letters.next_if(|next| matches!(next, '*' | '\\')) {
                Some(escaped) => Sign::Letter(escaped),
                None => Sign::Letter('\\'),
            },
            other => Sign::Letter(other),
        });
    }
    signs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_everything_else_for_itself() {
        for (glob, text, expected) in [
            ("dragon*", "dragon ball", true),
            ("*ball", "dragon ball", true),
            ("d*b*l", "dragon ball", true),
            ("d*b*x", "dragon ball", false),
            ("dragon ball", "dragon ball z", false),
            ("", "", true),
            ("*", "", true),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            ("鬼*刃", "鬼滅の刃", true),
        ] {
            assert_eq!(fits(glob, text), expected, "{glob} and {text}");
        }
    }

    proptest! {
        #[test]
        fn many_stars_neither_hang_nor_panic(glob in "[ab*\\\\]{0,60}", text in "[ab]{0,200}") {
            let _ = fits(&glob, &text);
        }

        #[test]
        fn a_text_fits_itself_with_any_part_starred(text in "[a-z]{0,30}", at in 0usize..30) {
            let at = at.min(text.len());
            let starred = format!("{}*", &text[..at]);
            prop_assert!(fits(&text, &text) && fits(&starred, &text));
        }
    }
}
