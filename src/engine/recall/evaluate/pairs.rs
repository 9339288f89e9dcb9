//! Labelled pairs of questions in a file: one pair a line, parted by tabs.
//!
//! A kept question, a new one, 1 when they have one answer and 0 when they have two, and perhaps the kind of pair it is.
//! Empty lines and lines that start with `#` say nothing.

/// Two questions and whether they have one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledPair {
    /// Where it stands in the file, from 1.
    pub line: usize,
    /// The question whose answer is kept.
    pub kept: String,
    /// The question that comes later.
    pub asked: String,
    /// Whether the kept answer is right for it.
    pub same: bool,
    /// What kind of pair it is, as the file says; empty when it does not.
    pub kind: String,
}

/// A line that is no pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Where, from 1.
    pub line: usize,
    /// What is wrong with it and what to write.
    pub what: String,
}

/// Reads a file's pairs; lines that are none come apart.
pub fn parse(text: &str) -> (Vec<LabelledPair>, Vec<BadLine>) {
    let (mut pairs, mut bad) = (Vec::new(), Vec::new());
    let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate();
    for (at, line) in lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')) {
        match pair(at + 1, line) {
            Ok(pair) => pairs.push(pair),
            Err(what) => bad.push(BadLine { line: at + 1, what }),
        }
    }
    (pairs, bad)
}

fn pair(line: usize, text: &str) -> Result<LabelledPair, String> {
    let fields: Vec<&str> = text.split('\t').map(str::trim).collect();
    let (kept, asked, label, kind) = match fields[..] {
        [kept, asked, label] => (kept, asked, label, ""),
        [kept, asked, label, kind] => (kept, asked, label, kind),
        _ => {
            let found = fields.len();
            return Err(format!("{found} fields instead of 3 or 4: write question, tab, question, tab, 1 or 0"));
        }
    };
    let same = match label {
        "1" => true,
        "0" => false,
        other => return Err(format!("`{other}` is neither 1 (one answer) nor 0 (two answers)")),
    };
    if kept.is_empty() || asked.is_empty() {
        return Err("a question is empty: write both".into());
    }
    Ok(LabelledPair { line, kept: kept.into(), asked: asked.into(), same, kind: kind.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_empty_lines_say_nothing_and_bad_lines_are_named() {
        let text = "\u{feff}# pairs\n\na\tb\t1\n c \t d \t0\tnumber\r\na\tb\na\tb\tyes\n\tb\t1\n";
        let (pairs, bad) = parse(text);
        let read: Vec<_> = pairs.iter().map(|p| (p.line, &*p.kept, &*p.asked, p.same, &*p.kind)).collect();
        assert_eq!(read, [(3, "a", "b", true, ""), (4, "c", "d", false, "number")]);
        let told: Vec<_> = bad.iter().map(|bad| format!("{}: {}", bad.line, bad.what)).collect();
        assert_eq!(told.len(), 3);
        assert!(told[0].starts_with("5: 2 fields instead of 3 or 4"), "{}", told[0]);
        assert!(told[1].starts_with("6: `yes` is neither 1"), "{}", told[1]);
        assert!(told[2].starts_with("7: a question is empty"), "{}", told[2]);
    }
}
