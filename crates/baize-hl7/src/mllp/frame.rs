//! Framing: `0x0B` message `0x1C 0x0D` (HL7 Transport Specification, MLLP release 1).

/// Begins a frame.
pub(crate) const START: u8 = 0x0b;
/// With a carriage return behind it, ends a frame.
pub(crate) const END: u8 = 0x1c;
const CR: u8 = 0x0d;

/// How much of a frame that is too long is kept, to answer it.
const KEPT_OF_TOO_LONG: usize = 4096;

/// What a stream holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A message, without its frame.
    Message(Vec<u8>),
    /// This many bytes that belong to no complete frame. Carriage returns and line feeds between frames count for
    /// nothing.
    Garbage(usize),
    /// A frame over the limit, of which only the beginning was kept.
    TooLong {
        /// Its first bytes.
        head: Vec<u8>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Between,
    Within,
    /// The rest of a frame over the limit is thrown away.
    Discarding,
}

/// Cuts bytes as they come into frames; split and glued ones alike. Holds at most one message and what was fed last.
#[derive(Debug)]
pub(crate) struct Unframer {
    max: usize,
    state: State,
    frame: Vec<u8>,
    /// Fed but not looked at yet; `read` of it are done with.
    input: Vec<u8>,
    read: usize,
    garbage: usize,
}

impl Unframer {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, state: State::Between, frame: Vec::new(), input: Vec::new(), read: 0, garbage: 0 }
    }

    /// Adds what was received.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.input.drain(..self.read);
        self.read = 0;
        self.input.extend_from_slice(bytes);
    }

    /// Whether a frame was begun and not ended.
    pub(crate) fn is_mid_frame(&self) -> bool {
        self.state != State::Between
    }

    /// Whether what was fed is used up.
    #[cfg(test)]
    fn is_drained(&self) -> bool {
        self.read == self.input.len()
    }

    /// The next thing in the stream; `None` where more bytes are needed.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        loop {
            let rest = &self.input[self.read..];
            let Some(&byte) = rest.first() else {
                return self.take_garbage();
            };
            match self.state {
                State::Between if byte == START => {
                    if let Some(garbage) = self.take_garbage() {
                        return Some(garbage);
                    }
                    self.read += 1;
                    self.state = State::Within;
                }
                State::Between => {
                    self.read += 1;
                    self.garbage += usize::from(!matches!(byte, b'\r' | b'\n'));
                }
                State::Within | State::Discarding => {
                    let plain =
                        rest.iter().position(|byte| matches!(*byte, START | END)).unwrap_or(rest.len());
                    if plain > 0 {
                        self.keep(plain);
                    } else if byte == START {
                        match begins_message(&rest[1..])? {
                            // The sender began anew: what it began before never ends.
                            true => {
                                self.garbage = self.frame.len() + 1;
                                self.frame.clear();
                                self.state = State::Between;
                            }
                            // A vertical tab, as word processors write it.
                            false => self.keep(1),
                        }
                    } else {
                        match rest.get(1)? {
                            &CR | b'\n' => {
                                self.read += 2;
                                return Some(self.finish());
                            }
                            // The sender leaves the carriage return out.
                            &START => {
                                self.read += 1;
                                return Some(self.finish());
                            }
                            // A lone 0x1C is part of the message, however odd.
                            _ => self.keep(1),
                        }
                    }
                }
            }
        }
    }

    /// Whether everything of a frame is here but the carriage return behind its end.
    pub(crate) fn lacks_only_cr(&self) -> bool {
        self.is_mid_frame() && self.input[self.read..] == [END]
    }

    /// The frame that [`lacks_only_cr`](Self::lacks_only_cr), for a sender that leaves it out. One that comes later
    /// counts for nothing.
    pub(crate) fn end_without_cr(&mut self) -> Option<Frame> {
        if !self.lacks_only_cr() {
            return None;
        }
        self.read += 1;
        Some(self.finish())
    }

    fn keep(&mut self, length: usize) {
        let bytes = &self.input[self.read..self.read + length];
        self.read += length;
        if self.state == State::Within {
            if self.frame.len() + length <= self.max {
                self.frame.extend_from_slice(bytes);
                return;
            }
            let room = KEPT_OF_TOO_LONG.saturating_sub(self.frame.len()).min(length);
            self.frame.extend_from_slice(&bytes[..room]);
            self.frame.truncate(KEPT_OF_TOO_LONG);
            self.state = State::Discarding;
        }
    }

    fn finish(&mut self) -> Frame {
        let content = std::mem::take(&mut self.frame);
        let too_long = self.state == State::Discarding;
        self.state = State::Between;
        if too_long { Frame::TooLong { head: content } } else { Frame::Message(content) }
    }

    fn take_garbage(&mut self) -> Option<Frame> {
        (self.garbage > 0).then(|| Frame::Garbage(std::mem::take(&mut self.garbage)))
    }
}

/// Whether a message begins here; `None` where too little is known.
fn begins_message(bytes: &[u8]) -> Option<bool> {
    let known = bytes.len().min(3);
    let fits = b"MSH".starts_with(&bytes[..known]);
    (known == 3 || !fits).then_some(fits)
}

/// A message in its frame.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(message.len() + 3);
    frame.push(START);
    frame.extend_from_slice(message);
    frame.extend_from_slice(&[END, CR]);
    frame
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(bytes: &[u8], max: usize, step: usize) -> Vec<Frame> {
        let mut unframer = Unframer::new(max);
        let mut found = Vec::new();
        for chunk in bytes.chunks(step) {
            unframer.feed(chunk);
            while let Some(frame) = unframer.next() {
                match (found.last_mut(), frame) {
                    // How garbage is cut depends on the chunks.
                    (Some(Frame::Garbage(before)), Frame::Garbage(more)) => *before += more,
                    (_, frame) => found.push(frame),
                }
            }
        }
        found
    }

    #[test]
    fn streams_are_cut_however_they_arrive() {
        let message = |text: &str| Frame::Message(text.as_bytes().to_vec());
        for (bytes, expected) in [
            (&b"\x0bab\x1c\r"[..], vec![message("ab")]),
            (b"\x0ba\x1c\r\x0bb\x1c\r", vec![message("a"), message("b")]),
            (b"\x0ba\x1c\r\n\r\x0bb\x1c\r", vec![message("a"), message("b")]),
            (b"xyz\x0ba\x1c\rjunk", vec![Frame::Garbage(3), message("a"), Frame::Garbage(4)]),
            (b"\x0ba\x1cb\x1c\r", vec![message("a\x1cb")]),
            (b"\x0bab\x0bMSH\x1c\r", vec![Frame::Garbage(3), message("MSH")]),
            (b"\x0bab\x0bMS\x1c\r", vec![message("ab\x0bMS")]),
            (b"\x0ba\x1c\x0bb\x1c\n\x0bc\x1c\r", vec![message("a"), message("b"), message("c")]),
            (b"\x0b\x1c\r", vec![message("")]),
            (
                b"\x0b123456789\x1c\r\x0bb\x1c\r",
                vec![Frame::TooLong { head: b"123456789".to_vec() }, message("b")],
            ),
            (b"\x0bnever ended", vec![]),
        ] {
            for step in 1..=bytes.len() {
                let mut found = frames(bytes, 8, step);
                // How much of a frame too long is kept depends on the chunks.
                for frame in &mut found {
                    if let Frame::TooLong { head } = frame {
                        assert!(b"123456789".starts_with(head) && head.len() >= 8);
                        *head = b"123456789".to_vec();
                    }
                }
                assert_eq!(found, expected, "{bytes:?} in steps of {step}");
            }
        }
    }

    proptest! {
        #[test]
        fn messages_survive_any_cut(
            messages in proptest::collection::vec(proptest::collection::vec(0x20_u8.., 0..50), 0..6),
            step in 1..40_usize,
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
            let expected: Vec<Frame> = messages.into_iter().map(Frame::Message).collect();
            prop_assert_eq!(frames(&stream, 100, step), expected);
        }

        #[test]
        fn any_bytes_are_used_up(bytes in proptest::collection::vec(any::<u8>(), 0..200), max in 0..50_usize) {
            let mut unframer = Unframer::new(max);
            unframer.feed(&bytes);
            while unframer.next().is_some() {}
            let undecided = [&[END][..], &[START], b"\x0bM", b"\x0bMS"];
            prop_assert!(unframer.is_drained() || undecided.iter().any(|end| bytes.ends_with(end)));
            prop_assert!(unframer.frame.len() <= max.max(KEPT_OF_TOO_LONG));
        }
    }
}
