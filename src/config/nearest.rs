//! "Did you mean …?" for names that are not known.

/// `; did you mean `x`?` for the known name most like `name`, or nothing when none is alike.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map(|known| format!("; did you mean `{known}`?")).unwrap_or_default()
}

/// The known name that takes the fewest changed letters, when that is at most half of them.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let ranked = known.into_iter().map(|known| (distance(name, known), known));
    ranked.min().filter(|(distance, known)| distance * 2 <= known.chars().count()).map(|(_, known)| known)
}

/// Letters to insert, remove or replace; case does not count.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_a_stranger_is_not() {
        let known = ["CacheStampedeDetected", "BackoffStorm"];
        assert_eq!(nearest("CacheStampeedDetected", known), Some("CacheStampedeDetected"));
        assert_eq!(nearest("Weather", known), None);
    }
}
