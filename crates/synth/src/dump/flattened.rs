//! Flattened files.

use super::Image;

/// The order of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As in the file.
    Forward,
    /// From the end to the beginning.
    Backward,
    /// As in the file, but every piece is first written as garbage that overlaps its neighbours.
    Rewritten,
}

/// Writes `bytes` as records of at most `piece` bytes.
pub fn flattened(bytes: &[u8], piece: usize, order: Order) -> Image {
    let mut out = b"makedumpfile\0\0\0\0".to_vec();
    out.extend(1i64.to_be_bytes());
    out.extend(1i64.to_be_bytes());
    out.resize(4096, 0);
    let mut image = Image { bytes: out, marks: vec![16, 32] };
    let mut pieces: Vec<(usize, &[u8])> =
        bytes.chunks(piece).enumerate().map(|(i, c)| (i * piece, c)).collect();
    if order == Order::Backward {
        pieces.reverse();
    }
    if order == Order::Rewritten {
        for (at, data) in &pieces {
            let start = at.saturating_sub(piece / 2);
            let end = (at + data.len() + piece / 2).min(bytes.len());
            record(&mut image, start as i64, &vec![0xa5; end - start]);
        }
    }
    for (at, data) in pieces {
        record(&mut image, at as i64, data);
    }
    image.marks.push(image.bytes.len());
    image.bytes.extend([0xff; 16]);
    image
}

fn record(image: &mut Image, offset: i64, data: &[u8]) {
    image.marks.push(image.bytes.len());
    image.bytes.extend(offset.to_be_bytes());
    image.bytes.extend((data.len() as i64).to_be_bytes());
    image.marks.push(image.bytes.len());
    image.bytes.extend_from_slice(data);
}
