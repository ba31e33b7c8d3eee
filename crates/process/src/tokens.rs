//! The static token file: one account and its token per line, and how a client
//! shows its token.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// Accounts by their tokens.
#[derive(Clone)]
pub struct Tokens(Vec<Entry>);

#[derive(Clone)]
struct Entry {
    principal: String,
    token: String,
}

/// A token file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// It cannot be read.
    #[error("cannot read token file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A line is not an account and a token.
    #[error(
        "line {line} of the token file must be ACCOUNT TOKEN: an account of letters, digits and \
         `.:_-` (not `local`), and a token of at least {SHORTEST_TOKEN} characters"
    )]
    Line {
        /// Counted from 1.
        line: usize,
    },
    /// One token stands for two accounts.
    #[error("line {line} of the token file repeats an earlier token")]
    Repeated {
        /// Counted from 1.
        line: usize,
    },
    /// Nobody could come in.
    #[error("the token file holds no token")]
    Empty,
}

const SHORTEST_TOKEN: usize = 16;

impl Tokens {
    /// Reads a token file: lines of `ACCOUNT TOKEN`; empty lines and those that
    /// start with `#` are passed over.  An account may have several tokens.
    pub fn load(path: &Path) -> Result<Self, TokenFileError> {
        let text = fs::read_to_string(path)
            .map_err(|source| TokenFileError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// The same from the file's text.
    pub fn parse(text: &str) -> Result<Self, TokenFileError> {
        let mut entries: Vec<Entry> = Vec::new();
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let entry = entry(text).ok_or(TokenFileError::Line { line })?;
            if entries.iter().any(|other| other.token == entry.token) {
                return Err(TokenFileError::Repeated { line });
            }
            entries.push(entry);
        }
        if entries.is_empty() {
            return Err(TokenFileError::Empty);
        }
        Ok(Self(entries))
    }

    /// The account of a token.  Takes as long for a token that is nearly right
    /// as for one that is not at all.
    pub fn principal(&self, token: &str) -> Option<&str> {
        let mut found = None;
        for entry in &self.0 {
            if same(entry.token.as_bytes(), token.as_bytes()) {
                found = Some(entry.principal.as_str());
            }
        }
        found
    }
}

/// The token of a header `authorization: Bearer TOKEN` (RFC 6750, section 2.1).
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn entry(line: &str) -> Option<Entry> {
    let mut words = line.split_whitespace();
    let (principal, token) = (words.next()?, words.next()?);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:_-".contains(&byte);
    let sound = words.next().is_none()
        && principal.bytes().all(plain)
        && principal != "local"
        && token.len() >= SHORTEST_TOKEN;
    sound.then(|| Entry { principal: principal.to_owned(), token: token.to_owned() })
}

fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |sum, (one, other)| sum | (one ^ other));
    one.len() == other.len() && std::hint::black_box(differences) == 0
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|entry| &entry.principal)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_tokens_only() {
        let text = "# stations\n\nlga03 0123456789abcdef\nlga03 rotated-token-0001\nfra01 fedcba9876543210\n";
        let tokens = Tokens::parse(text).unwrap();
        assert_eq!(tokens.principal("0123456789abcdef"), Some("lga03"));
        assert_eq!(tokens.principal("rotated-token-0001"), Some("lga03"));
        assert_eq!(tokens.principal("fedcba9876543210"), Some("fra01"));
        for wrong in ["", "0123456789abcdee", "0123456789abcde", "0123456789abcdef0", "lga03"] {
            assert_eq!(tokens.principal(wrong), None, "{wrong}");
        }
        assert!(!format!("{tokens:?}").contains("0123"), "tokens are never shown");
    }

    #[test]
    fn a_bad_line_is_named() {
        for bad in ["lga03", "lga03 short", "lga03 0123456789abcdef x", "a/b 0123456789abcdef"] {
            let error = Tokens::parse(&format!("# one\n{bad}\n")).unwrap_err();
            assert!(matches!(error, TokenFileError::Line { line: 2 }), "{bad}");
        }
        let reserved = Tokens::parse("local 0123456789abcdef").unwrap_err();
        assert!(matches!(reserved, TokenFileError::Line { line: 1 }));
        let twice = "one 0123456789abcdef\ntwo 0123456789abcdef";
        assert!(matches!(Tokens::parse(twice), Err(TokenFileError::Repeated { line: 2 })));
        assert!(matches!(Tokens::parse("# none\n"), Err(TokenFileError::Empty)));
    }
}
