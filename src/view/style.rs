//! Colours that mean something. Whether there are any is decided once, by whoever opens the output.

use anstyle::{AnsiColor, Style};

/// What a piece of output is; its colour follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing special.
    Plain,
    /// A connection or membership begins.
    Opening,
    /// Bytes of an application.
    Data,
    /// A connection or membership ends in order.
    Closing,
    /// Something went wrong, or was refused.
    Trouble,
    /// Present, but not what one looks for: counters, bare acknowledgments, labels.
    Faint,
    /// A heading.
    Heading,
    /// What a client says, beside what a server says.
    Client,
    Server,
}

/// The styles of one output; without colour all of them write nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    colored: bool,
}

impl Palette {
    pub fn new(colored: bool) -> Self {
        Self { colored }
    }

    pub fn is_colored(self) -> bool {
        self.colored
    }

    pub fn style(self, role: Role) -> Style {
        if !self.colored {
            return Style::new();
        }
        match role {
            Role::Plain => Style::new(),
            Role::Opening => AnsiColor::Green.on_default(),
            Role::Data => AnsiColor::Cyan.on_default(),
            Role::Closing => AnsiColor::Yellow.on_default(),
            Role::Trouble => AnsiColor::Red.on_default().bold(),
            Role::Faint => Style::new().dimmed(),
            Role::Heading => Style::new().bold(),
            Role::Client => AnsiColor::Cyan.on_default(),
            Role::Server => AnsiColor::Yellow.on_default(),
        }
    }

    /// The style of the layer at `index`, counted from the outside in.
    pub fn layer(self, index: usize) -> Style {
        const COLORS: [AnsiColor; 6] =
            [AnsiColor::Blue, AnsiColor::Green, AnsiColor::Magenta, AnsiColor::Cyan, AnsiColor::Yellow, AnsiColor::Red];
        match COLORS.get(index % COLORS.len()) {
            Some(color) if self.colored => color.on_default(),
            _ => Style::new(),
        }
    }

    /// Begins a role's colour in a byte buffer.
    #[inline]
    pub fn begin(self, role: Role, out: &mut Vec<u8>) {
        if self.colored {
            out.extend_from_slice(match role {
                Role::Plain => b"",
                Role::Opening => b"\x1b[32m",
                Role::Data => b"\x1b[36m",
                Role::Closing => b"\x1b[33m",
                Role::Trouble => b"\x1b[1m\x1b[31m",
                Role::Faint => b"\x1b[2m",
                Role::Heading => b"\x1b[1m",
                Role::Client => b"\x1b[36m",
                Role::Server => b"\x1b[33m",
            });
        }
    }

    /// Ends a role's colour in a byte buffer.
    #[inline]
    pub fn end(self, role: Role, out: &mut Vec<u8>) {
        if self.colored && role != Role::Plain {
            out.extend_from_slice(b"\x1b[0m");
        }
    }
}
