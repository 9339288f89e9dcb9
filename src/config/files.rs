//! The operator's files: a folder on disk, or the shipped ones that are part of the program.

use std::{collections::BTreeSet, io, path::Path};

use rust_embed::RustEmbed;

use super::problem::{Place, Problems};

/// A text file, with its path relative to the folder it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// For example `alarms/stampede.yaml`.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// The files of one shop: `alarms/`, `policies/`, `dashboards/`, `drills/`.
#[derive(Clone, Debug, Default)]
pub struct Files(Vec<File>);

macro_rules! shipped {
    ($($name:ident: $folder:literal),*) => {$(
        #[derive(RustEmbed)]
        #[folder = $folder]
        #[prefix = $folder]
        struct $name;
    )*
        fn shipped() -> Vec<File> {
            let mut files = Vec::new();
            $(files.extend($name::iter().filter_map(|path| {
                let text = String::from_utf8($name::get(&path)?.data.into_owned()).ok()?;
                Some(File { path: path.into_owned(), text })
            }));)*
            files
        }
    };
}

shipped! { Alarms: "alarms/", Policies: "policies/", Dashboards: "dashboards/", Drills: "drills/", Prompts: "prompts/" }

impl Files {
    /// The files that come with the program.
    pub fn shipped() -> Self {
        Self::sorted(shipped())
    }

    /// Every `.yaml`, `.yml` and `.json` file below `root`. What is hidden is left out: a mounted ConfigMap keeps its files
    /// twice, once in hidden folders. A file that cannot be read is a problem, and hides no other.
    ///
    /// # Errors
    /// When the folder itself cannot be read.
    pub fn read(root: &Path, problems: &mut Problems) -> io::Result<Self> {
        let (mut files, mut seen) = (Vec::new(), BTreeSet::new());
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            // A link that leads back up is followed once.
            if !seen.insert(folder.canonicalize()?) {
                continue;
            }
            let mut entries = std::fs::read_dir(&folder)?.collect::<io::Result<Vec<_>>>()?;
            entries.sort_by_key(std::fs::DirEntry::file_name);
            for entry in entries.iter().filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')) {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml" || ext == "json") {
                    let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                    match std::fs::read_to_string(&path) {
                        Ok(text) => files.push(File { path: name, text }),
                        Err(error) => problems.add(&Place::whole(&name), unreadable(&error)),
                    }
                }
            }
        }
        Ok(Self::sorted(files))
    }

    /// The same, with `from` replaced by `to` in one of them.
    pub fn edited(&self, path: &str, from: &str, to: &str) -> Self {
        let edit = |file: &File| {
            let text = if file.path == path { file.text.replace(from, to) } else { file.text.clone() };
            File { path: file.path.clone(), text }
        };
        Self(self.0.iter().map(edit).collect())
    }

    /// The same, with this file beside the others, or in the place of the one at its path.
    pub fn with(&self, path: &str, text: &str) -> Self {
        let others = self.0.iter().filter(|file| file.path != path).cloned();
        Self::sorted(others.chain([File { path: path.into(), text: text.into() }]).collect())
    }

    /// Files given in memory, for tests.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::sorted(files.into_iter().map(|(path, text)| File { path: path.into(), text: text.into() }).collect())
    }

    /// The files below a folder, by path: `files.below("alarms/")`.
    pub fn below(&self, folder: &str) -> impl Iterator<Item = &File> {
        self.0.iter().filter(move |file| file.path.starts_with(folder))
    }

    /// The files below a folder, on their own.
    pub fn only(&self, folder: &str) -> Self {
        Self(self.below(folder).cloned().collect())
    }

    /// One file by its path.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.0.iter().find(|file| file.path == path)
    }

    fn sorted(mut files: Vec<File>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self(files)
    }
}

/// Why a file cannot be read, and what to do.
fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => "is not text in UTF-8; save it as such, or remove it".into(),
        _ => format!("cannot be read: {error}; mend or remove it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_read_is_named_and_hides_no_other() {
        let root = tempfile::tempdir().expect("a folder");
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir_all(at("alarms")).expect("a folder");
        std::fs::create_dir_all(at("alarms/..data")).expect("a folder");
        std::fs::write(at("alarms/good.yaml"), "alarm: A\n").expect("written");
        std::fs::write(at("alarms/..data/good.yaml"), "alarm: A\n").expect("written");
        std::fs::write(at("alarms/bad.yaml"), b"\xff\xfe").expect("written");
        std::os::unix::fs::symlink("/nowhere", at("alarms/gone.yaml")).expect("a link");
        std::os::unix::fs::symlink("..", at("alarms/up")).expect("a link");
        let mut problems = Problems::default();
        let files = Files::read(root.path(), &mut problems).expect("a readable folder");
        let names: Vec<_> = files.below("").map(|file| file.path.as_str()).collect();
        assert_eq!(names, ["alarms/good.yaml"]);
        let told = problems.to_string();
        assert!(told.contains("alarms/bad.yaml: is not text in UTF-8"), "{told}");
        assert!(told.contains("alarms/gone.yaml: cannot be read: No such file"), "{told}");
    }
}
