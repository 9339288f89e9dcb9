//! Frames of `application/vnd.amazon.eventstream`: what ConverseStream and InvokeModelWithResponseStream are made of.
//!
//! A frame has headers, a payload and two checksums. Frames are written whole; they are read from pieces of any size, and
//! none is believed to be longer than [`LONGEST`].

use aws_smithy_eventstream::frame::{read_message_from, write_message_to};
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::{Buf, Bytes, BytesMut};

/// A frame longer than this is no part of an answer. Amazon's own limit is 16 MB.
pub const LONGEST: usize = 16 << 20;

/// Total length, length of the headers, checksum of both.
const PRELUDE: usize = 12;

/// One frame, as far as Bedrock's streams go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Something of the answer: `contentBlockDelta`, `chunk`.
    Event {
        /// Its type.
        kind: String,
        /// JSON.
        payload: Bytes,
    },
    /// The answer has failed and the stream ends: `throttlingException`.
    Exception {
        /// Its type.
        kind: String,
        /// JSON with a `message`.
        payload: Bytes,
    },
}

/// Why a stream cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// It says that it is longer than any frame.
    #[error("a frame of {0} bytes is longer than any may be")]
    TooLong(usize),
    /// Lengths, headers or checksums are wrong.
    #[error("a frame cannot be read: {0}")]
    Damaged(String),
}

impl Frame {
    /// The frame in bytes.
    ///
    /// # Errors
    /// [`BadFrame::Damaged`] when it is larger than a frame can be.
    pub fn encode(self) -> Result<Bytes, BadFrame> {
        let (message_type, kind_header, kind, payload) = match self {
            Self::Event { kind, payload } => ("event", ":event-type", kind, payload),
            Self::Exception { kind, payload } => ("exception", ":exception-type", kind, payload),
        };
        let text = |text: String| HeaderValue::String(text.into());
        let message = Message::new(payload)
            .add_header(Header::new(kind_header, text(kind)))
            .add_header(Header::new(":content-type", text("application/json".into())))
            .add_header(Header::new(":message-type", text(message_type.into())));
        let mut frame = Vec::with_capacity(message.payload().len() + 128);
        write_message_to(&message, &mut frame).map_err(|error| BadFrame::Damaged(error.to_string()))?;
        Ok(frame.into())
    }

    fn of(message: &Message) -> Self {
        let header = |name: &str| {
            let found = message.headers().iter().find(|header| header.name().as_str() == name)?;
            Some(found.value().as_string().ok()?.as_str().to_owned())
        };
        let payload = message.payload().clone();
        match header(":message-type").as_deref() {
            Some("exception") => Self::Exception { kind: header(":exception-type").unwrap_or_default(), payload },
            Some("error") => {
                let told = serde_json::json!({ "message": header(":error-message").unwrap_or_default() });
                let kind = header(":error-code").unwrap_or_default();
                Self::Exception { kind, payload: told.to_string().into() }
            }
            _ => Self::Event { kind: header(":event-type").unwrap_or_default(), payload },
        }
    }
}

/// Cuts pieces of a stream into frames.
#[derive(Debug, Default)]
pub struct Decoder(BytesMut);

impl Decoder {
    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.0.extend_from_slice(piece);
    }

    /// The next frame; `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`BadFrame`]: then the stream cannot be read on.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, BadFrame> {
        let Some(mut length) = self.0.get(..4) else { return Ok(None) };
        let length = length.get_u32() as usize;
        if length > LONGEST {
            return Err(BadFrame::TooLong(length));
        }
        if length < PRELUDE + 4 {
            return Err(BadFrame::Damaged(format!("it says that it has {length} bytes")));
        }
        if self.0.len() < length {
            return Ok(None);
        }
        let frame = self.0.split_to(length).freeze();
        let message = read_message_from(frame).map_err(|error| BadFrame::Damaged(error.to_string()))?;
        Ok(Some(Frame::of(&message)))
    }

    /// Whether the stream may end here: no frame is under way.
    pub fn is_between_frames(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hostile::damaged;

    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Frame>, BadFrame> {
        let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
        for piece in pieces {
            decoder.push(piece);
            while let Some(frame) = decoder.next_frame()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    fn event(kind: &str, payload: &str) -> Frame {
        Frame::Event { kind: kind.into(), payload: payload.to_owned().into() }
    }

    fn sound() -> Vec<Vec<u8>> {
        let stop = Frame::Exception { kind: "throttlingException".into(), payload: r#"{"message":"slow"}"#.into() };
        let frames = [event("messageStart", r#"{"role":"assistant"}"#), event("contentBlockDelta", "{}"), stop];
        frames.into_iter().map(|frame| frame.encode().expect("short").to_vec()).collect()
    }

    #[test]
    fn one_wrong_bit_anywhere_is_noticed() {
        let whole = event("contentBlockDelta", r#"{"delta":{"text":"hi"}}"#).encode().expect("a frame");
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.to_vec();
                damaged[at] ^= 1 << bit;
                let told = read([damaged.as_slice()]);
                // A length that grew waits for bytes that never come; nothing else may pass.
                assert!(told.is_err() || (at < 4 && told == Ok(vec![])), "byte {at} bit {bit}: {told:?}");
            }
        }
    }

    #[test]
    fn a_frame_that_claims_to_be_huge_is_refused_at_its_fourth_byte() {
        assert_eq!(read([[0xff; 4].as_slice()]), Err(BadFrame::TooLong(0xffff_ffff)));
        assert!(matches!(read([[0; 4].as_slice()]), Err(BadFrame::Damaged(_))));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_wherever_it_is_cut(
            frames in prop::collection::vec(("[a-zA-Z]{0,20}", ".{0,200}", any::<bool>()), 0..8),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let frames: Vec<_> = frames.into_iter().map(|(kind, payload, fails)| {
                let payload = Bytes::from(payload);
                if fails { Frame::Exception { kind, payload } } else { Frame::Event { kind, payload } }
            }).collect();
            let bytes = frames.iter().map(|frame| frame.clone().encode().expect("short")).collect::<Vec<_>>().concat();
            let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            ends.extend([0, bytes.len()]);
            ends.sort_unstable();
            prop_assert_eq!(read(ends.windows(2).map(|pair| &bytes[pair[0]..pair[1]])), Ok(frames));
        }

        #[test]
        fn of_a_damaged_stream_only_whole_frames_are_read(bytes in damaged(vec![sound().concat()])) {
            let sent: Vec<_> = sound().iter().flat_map(|frame| read([frame.as_slice()]).expect("a frame")).collect();
            let mut decoder = Decoder::default();
            decoder.push(&bytes);
            while let Ok(Some(frame)) = decoder.next_frame() {
                prop_assert!(sent.contains(&frame), "nobody sent {frame:?}");
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read([bytes.as_slice()]);
        }

        #[test]
        fn no_headers_make_the_reader_panic(headers in prop::collection::vec(any::<u8>(), 0..64), claims in 0..80u32) {
            // Checksums that are right, so that the headers themselves are read.
            let mut frame = Vec::new();
            let total = 16 + headers.len() as u32;
            frame.extend(total.to_be_bytes());
            frame.extend(claims.to_be_bytes());
            frame.extend(crc32(&frame).to_be_bytes());
            frame.extend(&headers);
            frame.extend(crc32(&frame).to_be_bytes());
            let _ = read([frame.as_slice()]);
        }
    }

    fn crc32(bytes: &[u8]) -> u32 {
        let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
    }
}
