//! Just enough of Rust's grammar to see what a source file names: comments, strings and characters are dropped,
//! what remains is words and punctuation.

/// The words and punctuation of a source text, without comments, strings and character literals.
///
/// `::` is one token; every other punctuation character is a token of its own.
pub fn tokens(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(&c) = characters.get(at) {
        let next = characters.get(at + 1).copied().unwrap_or(' ');
        if c == '/' && next == '/' {
            at = find(&characters, at, |c| c == '\n');
        } else if c == '/' && next == '*' {
            at = end_of_comment(&characters, at);
        } else if c == '"' {
            at = end_of_string(&characters, at + 1);
        } else if let Some(hashes) = raw_string(&characters, at) {
            at = end_of_raw_string(&characters, at, hashes);
        } else if c == '\'' {
            at = end_of_character_or_lifetime(&characters, at);
        } else if c.is_alphanumeric() || c == '_' {
            let end = find(&characters, at, |c| !(c.is_alphanumeric() || c == '_'));
            let word: String = characters[at..end].iter().collect();
            // The prefix of b"..", c"..", b'.': the literal itself comes next.
            if !(matches!(word.as_str(), "b" | "c") && matches!(characters.get(end), Some('"' | '\''))) {
                tokens.push(word);
            }
            at = end;
        } else if c == ':' && next == ':' {
            tokens.push("::".into());
            at += 2;
        } else {
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
            at += 1;
        }
    }
    tokens
}

fn find(characters: &[char], from: usize, stop: impl Fn(char) -> bool) -> usize {
    characters[from..].iter().position(|&c| stop(c)).map_or(characters.len(), |offset| from + offset)
}

fn end_of_comment(characters: &[char], mut at: usize) -> usize {
    // Block comments nest.
    let mut depth = 0usize;
    while at < characters.len() {
        match (characters[at], characters.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn end_of_string(characters: &[char], mut at: usize) -> usize {
    while let Some(&c) = characters.get(at) {
        match c {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// The number of hashes of a raw string that starts at `at` (`r"`, `br##"`), `None` where none starts.
fn raw_string(characters: &[char], at: usize) -> Option<usize> {
    let word_before = at > 0 && (characters[at - 1].is_alphanumeric() || characters[at - 1] == '_');
    let r = match characters[at] {
        'r' => at,
        'b' | 'c' if characters.get(at + 1) == Some(&'r') => at + 1,
        _ => return None,
    };
    let end = find(characters, r + 1, |c| c != '#');
    (!word_before && characters.get(end) == Some(&'"')).then_some(end - r - 1)
}

fn end_of_raw_string(characters: &[char], at: usize, hashes: usize) -> usize {
    let mut quote = find(characters, at, |c| c == '"') + 1;
    loop {
        quote = find(characters, quote, |c| c == '"') + 1;
        if quote > characters.len() {
            return characters.len();
        }
        if characters[quote..].iter().take(hashes).filter(|c| **c == '#').count() == hashes {
            return quote + hashes;
        }
    }
}

fn end_of_character_or_lifetime(characters: &[char], at: usize) -> usize {
    match (characters.get(at + 1), characters.get(at + 2)) {
        (Some('\\'), _) => find(characters, at + 3, |c| c == '\'') + 1,
        (Some(_), Some('\'')) => at + 3,
        // A lifetime: only the quote goes, its name stays as a word.
        _ => at + 1,
    }
}

/// The modules under the crate's root that a file names, `super` resolved; test modules do not count.
///
/// `depth`: how deep the file's own module lies (`src/frame.rs` 1, `src/wire/mod.rs` 1, `src/wire/tcp.rs` 2).
/// `crate::*` and a `super` that climbs to the root are named `*`, since they hide what they take.
pub fn imports(tokens: &[String], depth: usize) -> Vec<String> {
    let word = |at: usize| tokens.get(at).map_or("", String::as_str);
    let mut found = Vec::new();
    let mut braces = 0usize;
    let mut inline: Vec<usize> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match word(at) {
            "mod" if word(at + 1) == "tests" && word(at + 2) == "{" => at = closing_brace(tokens, at + 2),
            "mod" if word(at + 2) == "{" => {
                inline.push(braces);
                braces += 1;
                at += 2;
            }
            "{" => braces += 1,
            "}" => {
                braces = braces.saturating_sub(1);
                if inline.last() == Some(&braces) {
                    inline.pop();
                }
            }
            "crate" if word(at + 1) == "::" => first_names(tokens, at + 2, &mut found),
            "super" if word(at.wrapping_sub(1)) != "::" => {
                let mut climbed = 1;
                while word(at + 1) == "::" && word(at + 2) == "super" {
                    climbed += 1;
                    at += 2;
                }
                if climbed >= depth + inline.len() && word(at + 1) == "::" {
                    first_names(tokens, at + 2, &mut found);
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The first names of a path, or of each path in a braced list, that starts at `at`. Macros of the crate do not count.
fn first_names(tokens: &[String], at: usize, found: &mut Vec<String>) {
    if tokens.get(at).map(String::as_str) != Some("{") {
        if tokens.get(at + 1).map(String::as_str) != Some("!") {
            found.extend(tokens.get(at).cloned());
        }
        return;
    }
    let (mut depth, mut first) = (0usize, true);
    for token in &tokens[at..] {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => first = true,
            name if first && depth == 1 => {
                found.push(name.to_owned());
                first = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
}

fn closing_brace(tokens: &[String], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}
