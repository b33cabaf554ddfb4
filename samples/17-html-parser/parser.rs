// SPDX-License-Identifier: GPL-2.0-only

//! Strips the markup off HTML. This file is part of the module and of the user-space program.
//!
//! What stays is the text: everything outside tags, comments, declarations and the content of
//! `script` and `style`, as it stands, with entities replaced by what they stand for. Broken markup
//! is taken as a browser takes it: a `<` that begins no tag is text, a comment that is never closed
//! goes to the end. Bad UTF-8 becomes U+FFFD, the replacement character, so the text is always
//! valid.
//!
//! It works piece by piece in constant memory, touches each byte a fixed number of times, neither
//! allocates nor recurses, and has no operation that can panic.

mod entities;

/// A parser between two pieces of a document.
pub struct Parser {
    state: State,
    /// What was read since the state is one in which it may turn out to be text.
    held: Short,
    /// The first bytes of a character, at most three.
    partial: Short,
    /// What the tag being read hides, if anything.
    hides: Option<Hidden>,
}

/// Where in the document the parser is. In comments: what was just read.
#[derive(Clone, Copy)]
enum State {
    Text,
    /// `<`
    Open,
    /// `</`
    OpenEnd,
    /// The name of a tag.
    Name,
    /// In a tag, before an attribute.
    Attributes,
    /// An attribute's name.
    Attribute,
    /// After an attribute's name and a space: a value may still come.
    AfterAttribute,
    /// `=`
    BeforeValue,
    /// A value up to this quotation mark.
    Quoted(u8),
    /// A value without quotation marks.
    Unquoted,
    /// `<!`
    Markup,
    /// `<!-`
    MarkupDash,
    /// `<!--`
    CommentStart,
    /// A comment that just had this many dashes, two standing for more.
    Comment(u8),
    /// `--!` in a comment.
    CommentBang,
    /// Anything else that ends with `>`.
    Bogus,
    /// The content of an element that is not shown.
    Hidden(Hidden),
    /// `<` in such content.
    HiddenOpen(Hidden),
    /// `</`, and this many letters of the element's name.
    HiddenEnd(Hidden, usize),
    /// `&`, and perhaps letters.
    Entity,
    /// `&#`
    Number,
    /// `&#x`
    NumberX,
    /// `&#` and digits.
    Decimal(u32),
    /// `&#x` and digits.
    Hexadecimal(u32),
}

/// An element whose content is not shown.
#[derive(Clone, Copy)]
enum Hidden {
    Script,
    Style,
}

impl Hidden {
    const fn name(self) -> &'static [u8] {
        match self {
            Hidden::Script => b"script",
            Hidden::Style => b"style",
        }
    }
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// A parser at the start of a document.
    pub const fn new() -> Self {
        Self {
            state: State::Text,
            held: Short::new(),
            partial: Short::new(),
            hides: None,
        }
    }

    /// Takes the next piece of the document, and gives the text in it to `out`, piece by piece.
    ///
    /// How the document is cut into pieces makes no difference. Fails when `out` does; the parser
    /// is then of no more use.
    pub fn feed<E>(
        &mut self,
        mut input: &[u8],
        out: &mut impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            // Most bytes change nothing.
            let idle = match self.state {
                State::Text => find(input, |byte| matches!(byte, b'<' | b'&')),
                State::Comment(0) => find(input, |byte| byte == b'-'),
                State::Bogus => find(input, |byte| byte == b'>'),
                State::Quoted(quote) => find(input, |byte| byte == quote),
                State::Hidden(_) => find(input, |byte| byte == b'<'),
                _ => 0,
            };
            let (run, rest) = split(input, idle);
            if let State::Text = self.state {
                self.text(run, out)?;
            }
            let Some((&byte, rest)) = rest.split_first() else {
                return Ok(());
            };
            input = rest;
            // A byte that ends a state without being part of it is looked at once more; the next
            // state always takes it.
            while !self.step(byte, out)? {}
        }
    }

    /// Ends the document. What looked like the start of something turns out to be text.
    pub fn finish<E>(mut self, out: &mut impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        match self.state {
            State::Open | State::OpenEnd | State::Entity | State::Number | State::NumberX => {
                self.release(out)
            }
            State::Decimal(code) | State::Hexadecimal(code) => character(code, out),
            State::Text => self.end_run(out),
            _ => Ok(()),
        }
    }

    /// Takes a byte, or goes to another state and returns `false`.
    fn step<E>(
        &mut self,
        byte: u8,
        out: &mut impl FnMut(&str) -> Result<(), E>,
    ) -> Result<bool, E> {
        self.state = match (self.state, byte) {
            (State::Text, b'<' | b'&') => {
                self.end_run(out)?;
                self.held.set(byte);
                if byte == b'<' {
                    State::Open
                } else {
                    State::Entity
                }
            }
            (State::Text, _) => {
                self.text(&[byte], out)?;
                State::Text
            }

            (State::Open, b'/') => {
                self.held.push(byte);
                State::OpenEnd
            }
            (State::Open, b'!') => State::Markup,
            (State::Open, b'?') => State::Bogus,
            (State::Open, _) if byte.is_ascii_alphabetic() => {
                self.hides = None;
                self.held.set(byte.to_ascii_lowercase());
                State::Name
            }
            (State::Open, _) => {
                self.release(out)?;
                return Ok(false);
            }

            (State::OpenEnd, b'>') => State::Text,
            (State::OpenEnd, _) if byte.is_ascii_alphabetic() => {
                self.hides = None;
                // Not a name that hides anything.
                self.held.set(b'/');
                State::Name
            }
            (State::OpenEnd, _) => State::Bogus,

            (State::Name, _) if is_space(byte) || matches!(byte, b'/' | b'>') => {
                self.hides = [Hidden::Script, Hidden::Style]
                    .into_iter()
                    .find(|hidden| self.held.bytes() == hidden.name());
                self.state = State::Attributes;
                return Ok(false);
            }
            (State::Name, _) => {
                self.held.push(byte.to_ascii_lowercase());
                State::Name
            }

            // In a tag, and outside quotation marks, this ends it.
            (
                State::Attributes
                | State::Attribute
                | State::AfterAttribute
                | State::BeforeValue
                | State::Unquoted,
                b'>',
            ) => self.hides.map_or(State::Text, State::Hidden),
            (State::Attributes, b'/') => State::Attributes,
            (State::Attributes, _) if is_space(byte) => State::Attributes,
            (State::Attributes, _) => State::Attribute,
            (State::Attribute | State::AfterAttribute, b'=') => State::BeforeValue,
            (State::Attribute | State::AfterAttribute, b'/') => State::Attributes,
            (State::Attribute | State::AfterAttribute, _) if is_space(byte) => {
                State::AfterAttribute
            }
            (State::Attribute | State::AfterAttribute, _) => State::Attribute,
            (State::BeforeValue, b'"' | b'\'') => State::Quoted(byte),
            (State::BeforeValue, _) if is_space(byte) => State::BeforeValue,
            (State::BeforeValue, _) => State::Unquoted,
            (State::Quoted(quote), _) if byte == quote => State::Attributes,
            (State::Quoted(quote), _) => State::Quoted(quote),
            (State::Unquoted, _) if is_space(byte) => State::Attributes,
            (State::Unquoted, _) => State::Unquoted,

            (State::Markup, b'-') => State::MarkupDash,
            (State::MarkupDash, b'-') => State::CommentStart,
            (State::Markup | State::MarkupDash | State::Bogus, b'>') => State::Text,
            (State::Markup | State::MarkupDash | State::Bogus, _) => State::Bogus,
            (State::CommentStart | State::Comment(2) | State::CommentBang, b'>') => State::Text,
            (State::CommentStart, b'-') => State::Comment(2),
            (State::Comment(2), b'!') => State::CommentBang,
            (State::Comment(dashes), b'-') => State::Comment(if dashes == 0 { 1 } else { 2 }),
            (State::CommentBang, b'-') => State::Comment(1),
            (State::CommentStart | State::Comment(_) | State::CommentBang, _) => State::Comment(0),

            (State::Hidden(element), b'<') => State::HiddenOpen(element),
            (State::Hidden(element), _) => State::Hidden(element),
            (State::HiddenOpen(element), b'/') => State::HiddenEnd(element, 0),
            (State::HiddenEnd(element, count), _) => match element.name().get(count) {
                Some(letter) if byte.eq_ignore_ascii_case(letter) => {
                    State::HiddenEnd(element, count + 1)
                }
                None if is_space(byte) || matches!(byte, b'/' | b'>') => {
                    self.hides = None;
                    self.state = State::Attributes;
                    return Ok(false);
                }
                _ => {
                    self.state = State::Hidden(element);
                    return Ok(false);
                }
            },
            (State::HiddenOpen(element), _) => {
                self.state = State::Hidden(element);
                return Ok(false);
            }

            (State::Entity, b'#') if self.held.bytes() == b"&" => {
                self.held.push(byte);
                State::Number
            }
            (State::Entity, b';') => {
                let name = self.held.bytes().get(1..).unwrap_or_default();
                match entities::lookup(name) {
                    Some(text) => out(text)?,
                    None => {
                        self.release(out)?;
                        out(";")?;
                    }
                }
                State::Text
            }
            (State::Entity, _) if byte.is_ascii_alphanumeric() && self.held.push(byte) => {
                State::Entity
            }
            (State::Number, b'x' | b'X') => {
                self.held.push(byte);
                State::NumberX
            }
            (State::Number, b'0'..=b'9') => State::Decimal(digit(byte)),
            (State::NumberX, _) if byte.is_ascii_hexdigit() => State::Hexadecimal(digit(byte)),
            (State::Entity | State::Number | State::NumberX, _) => {
                self.release(out)?;
                return Ok(false);
            }
            (State::Decimal(code), b'0'..=b'9') => {
                State::Decimal(code.saturating_mul(10).saturating_add(digit(byte)))
            }
            (State::Hexadecimal(code), _) if byte.is_ascii_hexdigit() => {
                State::Hexadecimal(code.saturating_mul(16).saturating_add(digit(byte)))
            }
            (State::Decimal(code) | State::Hexadecimal(code), _) => {
                character(code, out)?;
                self.state = State::Text;
                return Ok(byte == b';');
            }
        };
        Ok(true)
    }

    /// Gives out what was held, since it is text after all.
    fn release<E>(&mut self, out: &mut impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        self.state = State::Text;
        let held = core::mem::replace(&mut self.held, Short::new());
        // All of it is ASCII.
        out(core::str::from_utf8(held.bytes()).unwrap_or_default())
    }

    /// Gives out a part of a run of text. A character that it cuts waits for the next part.
    fn text<E>(
        &mut self,
        mut bytes: &[u8],
        out: &mut impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        while let (false, Some((&byte, rest))) = (self.partial.is_empty(), bytes.split_first()) {
            let cut = self.partial;
            self.partial.push(byte);
            match core::str::from_utf8(self.partial.bytes()) {
                Ok(character) => out(character)?,
                Err(e) if e.error_len().is_none() => {
                    bytes = rest;
                    continue;
                }
                // The last byte is not to blame: it may begin something.
                Err(_) => {
                    self.partial = cut;
                    self.end_run(out)?;
                    break;
                }
            }
            self.partial = Short::new();
            bytes = rest;
        }

        loop {
            let (valid, rest) = match core::str::from_utf8(bytes) {
                Ok("") => return Ok(()),
                Ok(all) => return out(all),
                Err(e) => {
                    let (valid, rest) = split(bytes, e.valid_up_to());
                    let Some(bad) = e.error_len() else {
                        for byte in rest {
                            self.partial.push(*byte);
                        }
                        bytes = valid;
                        continue;
                    };
                    (valid, split(rest, bad).1)
                }
            };
            if !valid.is_empty() {
                out(core::str::from_utf8(valid).unwrap_or_default())?;
            }
            out("\u{FFFD}")?;
            bytes = rest;
        }
    }

    /// Ends a run of text: a character that was cut off is a bad one.
    fn end_run<E>(&mut self, out: &mut impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        if self.partial.is_empty() {
            return Ok(());
        }
        self.partial = Short::new();
        out("\u{FFFD}")
    }
}

/// Strips the markup off a whole document, and gives the text to `out`, piece by piece.
///
/// Fails when `out` does.
pub fn parse<E>(document: &[u8], out: &mut impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
    let mut parser = Parser::new();
    parser.feed(document, out)?;
    parser.finish(out)
}

/// Gives out the character with this number, or what browsers take it for.
fn character<E>(code: u32, out: &mut impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
    let code = match code {
        0 => 0xFFFD,
        0x80..=0x9F => entities::windows_1252(code),
        code => code,
    };
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out(character.encode_utf8(&mut [0; 4]))
}

/// Returns the value of a digit, decimal or hexadecimal.
fn digit(byte: u8) -> u32 {
    char::from(byte).to_digit(16).unwrap_or(0)
}

/// Whether this is white space in a tag.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0C')
}

/// Returns where the first byte is that fits, or the length.
fn find(bytes: &[u8], fits: impl Fn(u8) -> bool) -> usize {
    let found = bytes.iter().position(|byte| fits(*byte));
    found.unwrap_or(bytes.len())
}

/// Splits `bytes`, at its end at the latest.
fn split(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}

/// A few bytes.
#[derive(Clone, Copy)]
struct Short {
    bytes: [u8; 10],
    len: usize,
}

impl Short {
    const fn new() -> Self {
        Self {
            bytes: [0; 10],
            len: 0,
        }
    }

    fn set(&mut self, byte: u8) {
        *self = Self::new();
        self.push(byte);
    }

    /// Appends a byte. Returns whether there was room.
    fn push(&mut self, byte: u8) -> bool {
        match self.bytes.get_mut(self.len) {
            Some(place) => {
                *place = byte;
                self.len += 1;
                true
            }
            None => false,
        }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.len == 0
    }
}
