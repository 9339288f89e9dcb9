//! Server-sent events: cuts a byte stream into the data of its events.
//!
//! Works on bytes and takes them in any pieces: lines end in LF, CRLF or CR, data may span several lines, comments and
//! fields other than `data` are skipped. Data that lies within one piece is shared with it, not copied.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2;

/// An event longer than this is not an answer any more.
const LONGEST: usize = 1 << 20;

/// The event grew beyond the longest that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {LONGEST} bytes")]
pub struct TooLong;

/// Cuts pieces of a stream into events.
#[derive(Debug, Default)]
pub struct Splitter {
    /// What came and is not yet cut.
    piece: Bytes,
    /// The beginning of a line whose end has not come.
    line: BytesMut,
    /// The data of the event under way; `None` before its first `data` line.
    data: Option<Bytes>,
    /// The last line ended in CR at the end of a piece: an LF that follows belongs to it.
    after_cr: bool,
    /// Past the first line, where a byte order mark may stand.
    begun: bool,
}

impl Splitter {
    /// Takes the next piece; the one before must be used up ([`Splitter::next_event`] gave `None`).
    pub fn push(&mut self, piece: Bytes) {
        debug_assert!(self.piece.is_empty());
        self.piece = piece;
    }

    /// The next event's data; `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`TooLong`]: then the stream cannot be read on.
    pub fn next_event(&mut self) -> Result<Option<Bytes>, TooLong> {
        while let Some(line) = self.next_line()? {
            if let Some(data) = self.take_line(line)? {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// The event under way when the stream has ended: some providers leave out the last blank line.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn finish(&mut self) -> Result<Option<Bytes>, TooLong> {
        let line = self.line.split().freeze();
        let whole = self.take_line(line)?;
        Ok(whole.or_else(|| self.data.take().filter(|data| !data.is_empty())))
    }

    fn next_line(&mut self) -> Result<Option<Bytes>, TooLong> {
        if self.after_cr && !self.piece.is_empty() {
            self.after_cr = false;
            if self.piece[0] == b'\n' {
                self.piece.advance(1);
            }
        }
        let Some(end) = memchr2(b'\n', b'\r', &self.piece) else {
            self.line.extend_from_slice(&self.piece);
            self.piece.clear();
            return if self.line.len() > LONGEST { Err(TooLong) } else { Ok(None) };
        };
        let rest = self.piece.split_to(end);
        self.skip_line_end();
        if self.line.is_empty() {
            return Ok(Some(rest));
        }
        self.line.extend_from_slice(&rest);
        Ok(Some(self.line.split().freeze()))
    }

    fn skip_line_end(&mut self) {
        let cr = self.piece[0] == b'\r';
        self.piece.advance(1);
        match self.piece.first() {
            Some(b'\n') if cr => self.piece.advance(1),
            None => self.after_cr = cr,
            Some(_) => {}
        }
    }

    /// Reads one line; the event's data when the line ends it.
    fn take_line(&mut self, mut line: Bytes) -> Result<Option<Bytes>, TooLong> {
        if !std::mem::replace(&mut self.begun, true) && line.starts_with(b"\xEF\xBB\xBF") {
            line.advance(3);
        }
        if line.is_empty() {
            return Ok(self.data.take().filter(|data| !data.is_empty()));
        }
        if line.as_ref() == b"data" {
            line = Bytes::from_static(b"data:");
        }
        if line.starts_with(b"data:") {
            line.advance(5);
            if line.first() == Some(&b' ') {
                line.advance(1);
            }
            self.add_data(line)?;
        }
        Ok(None)
    }

    fn add_data(&mut self, line: Bytes) -> Result<(), TooLong> {
        let joined = match self.data.take() {
            None => line,
            Some(before) if before.len() + line.len() > LONGEST => return Err(TooLong),
            Some(before) => {
                let mut joined = BytesMut::from(before);
                joined.extend_from_slice(b"\n");
                joined.extend_from_slice(&line);
                joined.freeze()
            }
        };
        self.data = Some(joined);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hostile::damaged;

    fn split<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let (mut splitter, mut events) = (Splitter::default(), Vec::new());
        let mut take = |event: Bytes| events.push(String::from_utf8_lossy(&event).into_owned());
        for piece in pieces {
            splitter.push(Bytes::copy_from_slice(piece));
            while let Some(event) = splitter.next_event().expect("short events") {
                take(event);
            }
        }
        splitter.finish().expect("short events").into_iter().for_each(take);
        events
    }

    #[test]
    fn every_line_ending_and_every_field_is_understood() {
        let stream =
            b"\xEF\xBB\xBFdata: 1\n\n: a comment\r\n\r\ndata:2\r\n\r\nevent: x\rid: 7\rdata:  3\r\rretry: 1\n\ndata: 4";
        assert_eq!(split([stream.as_slice()]), ["1", "2", " 3", "4"]);
    }

    #[test]
    fn data_of_several_lines_is_joined_by_line_feeds() {
        assert_eq!(split([b"data: {\ndata\ndata: }\n\n".as_slice()]), ["{\n\n}"]);
    }

    #[test]
    fn an_event_without_end_is_refused_before_it_fills_the_memory() {
        let mut splitter = Splitter::default();
        let refused = (0..2_000).any(|_| {
            splitter.push(Bytes::from(vec![b'x'; 1_024]));
            splitter.next_event().is_err()
        });
        assert!(refused && splitter.line.len() <= LONGEST + 1_024);
    }

    #[test]
    fn data_within_one_piece_is_not_copied() {
        let piece = Bytes::from_static(b"data: {\"a\":1}\n\n");
        let mut splitter = Splitter::default();
        splitter.push(piece.clone());
        let event = splitter.next_event().expect("short").expect("whole");
        assert_eq!(event.as_ptr(), piece[6..].as_ptr());
    }

    proptest! {
        #[test]
        fn where_a_damaged_stream_is_cut_makes_no_difference_either(
            bytes in damaged(vec![b"data: {\"a\":1}\n\n: ping\r\nid: 7\r\ndata: b\rdata: c\n\ndata: [DONE]\n\n".to_vec()]),
            cut in any::<prop::sample::Index>(),
        ) {
            let (one, other) = bytes.split_at(cut.index(bytes.len() + 1));
            prop_assert_eq!(split([one, other]), split([bytes.as_slice()]));
        }

        #[test]
        fn where_the_stream_is_cut_makes_no_difference(
            lines in prop::collection::vec(("(data: ?[a-z ]{0,8}|: [a-z]{0,4}|id: 1|)", "(\n|\r\n|\r)"), 0..24),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let stream: String = lines.iter().map(|(line, end)| format!("{line}{end}")).collect();
            let bytes = stream.as_bytes();
            let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            ends.extend([0, bytes.len()]);
            ends.sort_unstable();
            let pieces = ends.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
            prop_assert_eq!(split(pieces), split([bytes]));
        }

        #[test]
        fn no_bytes_make_the_splitter_panic_or_invent_data(
            pieces in prop::collection::vec(prop::collection::vec(prop_oneof![
                any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b':'), Just(b'd'), Just(0xEF),
            ], 0..40), 0..12),
        ) {
            let mut splitter = Splitter::default();
            let (mut came, mut told) = (0, 0);
            for piece in pieces {
                came += piece.len();
                splitter.push(piece.into());
                while let Some(event) = splitter.next_event().expect("short events") {
                    prop_assert!(!event.is_empty());
                    told += event.len();
                }
            }
            told += splitter.finish().expect("short events").map_or(0, |event| event.len());
            prop_assert!(told <= came);
        }
    }
}
