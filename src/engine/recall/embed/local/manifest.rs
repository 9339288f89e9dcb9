//! `embedder.json`: what a model's folder says of itself.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Why a folder is no model.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file is missing or cannot be read.
    #[error("{}: {why}. Make the folder anew with tools/convert-embedder.py", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What happened.
        why: String,
    },
    /// A file can be read but is not what it should be.
    #[error("{} is no embedder's file: {why}. Make the folder anew with tools/convert-embedder.py", file.display())]
    Unfit {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl FolderError {
    pub(super) fn unfit(file: &Path, why: impl ToString) -> Self {
        Self::Unfit { file: file.into(), why: why.to_string() }
    }
}

/// Reads a file whole.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, FolderError> {
    std::fs::read(file).map_err(|error| FolderError::Unreadable { file: file.into(), why: error.to_string() })
}

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// The first one.
    Cls,
}

/// What a folder says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The model's name.
    pub name: String,
    /// How its weights are kept: `int8` or `f32`.
    pub precision: String,
    /// How many numbers a vector has.
    pub dimensions: usize,
    /// How the tokens' vectors become one.
    pub pooling: Pooling,
    /// Whether vectors are brought to length 1.
    pub normalise: bool,
    /// The most tokens of a text that are read, the two at its ends included.
    pub longest: usize,
    /// Whether upper case and accents are folded.
    pub lowercase: bool,
    /// The graph's file.
    pub model: String,
    /// The vocabulary's file: a token a line.
    pub vocabulary: String,
}

/// A text longer than this costs more than its answer is worth.
const LONGEST: usize = 8_192;
const MOST_DIMENSIONS: usize = 4_096;

impl Manifest {
    /// Reads `embedder.json` of a folder.
    ///
    /// # Errors
    /// It is missing, misshapen, or says something that cannot be.
    pub fn read(folder: &Path) -> Result<Self, FolderError> {
        let file = folder.join("embedder.json");
        let manifest: Self = serde_json::from_slice(&read(&file)?).map_err(|error| FolderError::unfit(&file, error))?;
        match manifest.mistake() {
            Some(why) => Err(FolderError::unfit(&file, why)),
            None => Ok(manifest),
        }
    }

    fn mistake(&self) -> Option<String> {
        let is_here = |name: &String| !name.is_empty() && !name.contains(['/', '\\']);
        match () {
            () if !(1..=MOST_DIMENSIONS).contains(&self.dimensions) => {
                Some(format!("`dimensions` is between 1 and {MOST_DIMENSIONS}, not {}", self.dimensions))
            }
            () if !(3..=LONGEST).contains(&self.longest) => {
                Some(format!("`longest` is between 3 and {LONGEST} tokens, not {}", self.longest))
            }
            () if !is_here(&self.model) || !is_here(&self.vocabulary) => {
                Some("`model` and `vocabulary` are files of the same folder, without a path".into())
            }
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{ "name": "m", "precision": "int8", "dimensions": 384, "pooling": "mean", "normalise": true,
        "longest": 256, "lowercase": true, "model": "model.onnx", "vocabulary": "vocab.txt" }"#;

    fn read(text: &str) -> Result<Manifest, String> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("embedder.json"), text).expect("written");
        Manifest::read(folder.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_manifest_is_read_and_what_cannot_be_is_told() {
        assert_eq!(read(GOOD).map(|manifest| manifest.pooling), Ok(Pooling::Mean));
        for (from, to, told) in [
            ("384", "0", "`dimensions` is between 1 and 4096, not 0"),
            ("256", "1", "`longest` is between 3 and 8192 tokens"),
            ("model.onnx", "../secret", "without a path"),
            ("\"mean\"", "\"max\"", "unknown variant `max`"),
            ("}", "", "EOF"),
        ] {
            let said = read(&GOOD.replace(from, to)).expect_err(told);
            assert!(said.contains(told) && said.contains("convert-embedder.py"), "{said}");
        }
    }

    #[test]
    fn a_folder_without_a_manifest_says_how_to_make_one() {
        let said = Manifest::read(Path::new("/nowhere")).expect_err("no folder").to_string();
        assert!(said.starts_with("/nowhere/embedder.json: ") && said.contains("convert-embedder.py"), "{said}");
    }
}
