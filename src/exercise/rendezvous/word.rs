//! The word that peers and rendezvous share, as a person gives it to either.

use std::path::PathBuf;

use crate::engine::rendezvous::word::Word;
use crate::exercise::Error;

#[derive(Debug, clap::Args)]
pub struct Shared {
    /// The word that both peers and the rendezvous know (others on this machine see it: --word-file)
    #[arg(long, value_name = "WORD")]
    word: Option<String>,
    /// A file with that word in its first line
    #[arg(long, value_name = "FILE", conflicts_with = "word")]
    word_file: Option<PathBuf>,
    /// There is no word: whoever reaches the rendezvous can come
    #[arg(long, conflicts_with_all = ["word", "word_file"])]
    no_word: bool,
}

impl Shared {
    /// Whether it was said that there is none.
    pub fn is_nobodys(&self) -> bool {
        self.no_word
    }

    pub fn word(&self) -> Result<Word, Error> {
        let word = match (&self.word, &self.word_file) {
            (Some(word), _) => word.clone(),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|source| Error::System {
                    operation: "read",
                    target: path.display().to_string(),
                    source,
                })?;
                text.lines().next().unwrap_or_default().to_owned()
            }
            (None, None) if self.no_word => return Ok(Word::new(b"")),
            (None, None) => {
                let why = "which word do both peers and the rendezvous share? Without one, anybody could come\n\
                           say --word WORD, or --word-file FILE; or --no-word, to do without";
                return Err(Error::Answer(why.to_owned()));
            }
        };
        if word.is_empty() {
            return Err(Error::Answer("the word is empty: choose another, or say --no-word".to_owned()));
        }
        Ok(Word::new(word.as_bytes()))
    }
}
