//! The operator's files: a folder on disk, or the shipped ones that are part of the program.

use std::{io, path::Path};

use rust_embed::RustEmbed;

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

shipped! { Alarms: "alarms/", Policies: "policies/", Dashboards: "dashboards/", Drills: "drills/" }

impl Files {
    /// The files that come with the program.
    pub fn shipped() -> Self {
        Self::sorted(shipped())
    }

    /// Every `.yaml`, `.yml` and `.json` file below `root`.
    ///
    /// # Errors
    /// When the folder or a file in it cannot be read.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml" || ext == "json") {
                    let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                    files.push(File { path: name, text: std::fs::read_to_string(&path)? });
                }
            }
        }
        Ok(Self::sorted(files))
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
