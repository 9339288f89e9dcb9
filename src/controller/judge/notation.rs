//! Series in a line, as promtool writes them.
//!
//! `5` a value, `_` none; `5x3` the value and three more like it, `_x3` three without; `5+2x3` the value and three more, each
//! two larger (`5 7 9 11`), `5-2x3` each two smaller.

use crate::config::problem::Misprint;

/// More values than any test needs.
const MOST_VALUES: usize = 100_000;

/// The values of a line; `None` where there is none.
///
/// # Errors
/// The first word that is none of the above, with its place; a line that gets too long.
pub fn values(line: &str) -> Result<Vec<Option<f64>>, Misprint> {
    let mut all = Vec::new();
    let mut at = 0;
    for part in line.split_inclusive(char::is_whitespace) {
        let word = part.trim_end();
        if !word.is_empty() {
            let (first, step, more) = expand(word).ok_or_else(|| {
                Misprint::new(at, format!("`{word}` is no series: write `5`, `_`, `5x3`, `_x3`, `5+2x3` or `5-2x3`"))
            })?;
            let count = if first.is_none() { more.max(1) } else { more + 1 };
            if all.len() + count > MOST_VALUES {
                return Err(Misprint::new(at, format!("a series has {MOST_VALUES} values at most")));
            }
            all.extend((0..count).map(|nth| first.map(|first| first + step * nth as f64)));
        }
        at += part.chars().count();
    }
    Ok(all)
}

/// The first value, what each further one adds, and how many further ones there are.
fn expand(word: &str) -> Option<(Option<f64>, f64, usize)> {
    let (what, more) = match word.split_once('x') {
        Some((what, more)) => (what, more.parse().ok().filter(|more| *more <= MOST_VALUES)?),
        None => (word, 0),
    };
    if what == "_" {
        return Some((None, 0.0, more));
    }
    // A sign at the start belongs to the value, one after `e` to its exponent.
    let sign = what.char_indices().skip(1).find(|(at, c)| matches!(c, '+' | '-') && !what[..*at].ends_with(['e', 'E']));
    let (first, step) = match sign {
        Some((at, _)) if more > 0 => (&what[..at], what[at..].parse().ok()?),
        Some(_) => return None,
        None => (what, 0.0),
    };
    let first: f64 = first.parse().ok().filter(|first: &f64| first.is_finite())?;
    Some((Some(first), step, more))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let values = values(line).expect(line);
        values.iter().map(|value| value.map_or("_".to_owned(), |value| value.to_string())).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lines_mean_what_promtool_says() {
        assert_eq!(shown("1 _ 2.5"), "1 _ 2.5");
        assert_eq!(shown("0x2 120x1 _x2 5"), "0 0 0 120 120 _ _ 5");
        assert_eq!(shown("1+2x3 10-3x2 -2+4x1"), "1 3 5 7 10 7 4 -2 2");
        assert_eq!(shown("1e-3x1 -5"), "0.001 0.001 -5");
    }

    #[test]
    fn what_is_no_series_is_told_with_its_place() {
        assert_eq!(values("1 2 three").map_err(|misprint| misprint.at), Err(4));
        for line in ["5x", "x5", "1+2", "5x999999999", "NaN", "__"] {
            assert!(values(line).is_err(), "{line}");
        }
    }
}
