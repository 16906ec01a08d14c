//! Finding and checking what a zip archive says of itself: end record, central directory, local headers.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt;

use super::zip::{Compression, Entry};

const MAX_ENTRIES: u64 = 10_000;
const MAX_DIRECTORY: u64 = 16 << 20;
const MAX_NAME: usize = 1024;
/// Compression method of an entry that is stored as it is.
pub const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_UTF8: u16 = 1 << 11;
const FLAG_DEFLATE_LEVEL: u16 = 0b110;
const ZIP64: u32 = u32::MAX;

/// What went wrong, without the file's name.
pub type Checked<T> = std::result::Result<T, String>;

/// Reads little-endian numbers from a slice whose length the caller has checked.
fn number(bytes: &[u8], at: usize, width: usize) -> Checked<u64> {
    let slice = bytes.get(at..at + width).ok_or("a header is cut off")?;
    Ok(slice.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

fn read_at(file: &File, offset: u64, length: u64) -> Checked<Vec<u8>> {
    let mut bytes = vec![0u8; length as usize];
    file.read_exact_at(&mut bytes, offset).map_err(|error| format!("cannot read at {offset}: {error}"))?;
    Ok(bytes)
}

/// Where the central directory is.
struct Span {
    offset: u64,
    size: u64,
    count: u64,
}

/// Entries of the archive in `file` of `size` bytes, every one checked against its local header and all the others.
pub fn directory(file: &File, size: u64, compression: Compression) -> Checked<Vec<Entry>> {
    let span = locate(file, size)?;
    if span.count > MAX_ENTRIES || span.size > MAX_DIRECTORY {
        return Err(format!("{} entries, more than the {MAX_ENTRIES} that are allowed", span.count));
    }
    let bytes = read_at(file, span.offset, span.size)?;
    let (mut entries, mut names, mut at) = (Vec::new(), HashSet::new(), 0);
    for _ in 0..span.count {
        let (entry, length) = central_entry(&bytes[at..])?;
        at += length;
        check_entry(&entry, compression)?;
        if !names.insert(entry.name.clone()) {
            return Err(format!("the name {} occurs twice", entry.name));
        }
        entries.push(entry);
    }
    if at != bytes.len() {
        return Err("the directory holds more than its entries".into());
    }
    for entry in &mut entries {
        local_entry(file, size, entry)?;
    }
    check_overlap(&entries, span.offset)?;
    Ok(entries)
}

/// Finds the end record (no comment hides a second one: it must end with the file) and its 64-bit form.
fn locate(file: &File, size: u64) -> Checked<Span> {
    const END: u64 = 22;
    if size < END {
        return Err(format!("{size} bytes are too few"));
    }
    let tail_size = size.min(END + 0xffff);
    let tail = read_at(file, size - tail_size, tail_size)?;
    let at = (0..=tail.len() - END as usize)
        .rev()
        .find(|&at| {
            tail[at..].starts_with(b"PK\x05\x06")
                && number(&tail, at + 20, 2) == Ok((tail.len() - at - END as usize) as u64)
        })
        .ok_or("no end record; the file is truncated or no archive")?;
    let end = size - tail_size + at as u64;
    if number(&tail, at + 4, 4)? != 0 {
        return Err("it spans several disks".into());
    }
    let mut span = Span {
        count: number(&tail, at + 10, 2)?,
        size: number(&tail, at + 12, 4)?,
        offset: number(&tail, at + 16, 4)?,
    };
    let mut directory_end = end;
    let locator = if at >= 20 { &tail[at - 20..at] } else { &[] };
    if locator.starts_with(b"PK\x06\x07") {
        let record_at = number(locator, 8, 8)?;
        if record_at.checked_add(56 + 20) != Some(end) {
            return Err("the 64-bit end record is not where it should be".into());
        }
        let record = read_at(file, record_at, 56)?;
        if !record.starts_with(b"PK\x06\x06") || number(&record, 16, 8)? != 0 {
            return Err("the 64-bit end record is wrong".into());
        }
        let wide =
            Span { count: number(&record, 32, 8)?, size: number(&record, 40, 8)?, offset: number(&record, 48, 8)? };
        for (narrow, wide, limit) in [
            (span.count, wide.count, 0xffff),
            (span.size, wide.size, u64::from(ZIP64)),
            (span.offset, wide.offset, u64::from(ZIP64)),
        ] {
            if narrow != wide && narrow != limit {
                return Err("the two end records disagree".into());
            }
        }
        (span, directory_end) = (wide, record_at);
    }
    if span.offset.checked_add(span.size) != Some(directory_end) {
        return Err("the directory is not where the end record says".into());
    }
    Ok(span)
}

/// One central directory entry and its length in bytes; the data offset is not known yet.
fn central_entry(bytes: &[u8]) -> Checked<(Entry, usize)> {
    if !bytes.starts_with(b"PK\x01\x02") {
        return Err("a directory entry is wrong or cut off".into());
    }
    let name_length = number(bytes, 28, 2)? as usize;
    let extra_length = number(bytes, 30, 2)? as usize;
    let length = 46 + name_length + extra_length + number(bytes, 32, 2)? as usize;
    if length > bytes.len() || number(bytes, 34, 2)? != 0 {
        return Err("a directory entry is wrong or cut off".into());
    }
    let name = checked_name(&bytes[46..46 + name_length])?;
    let extra = &bytes[46 + name_length..46 + name_length + extra_length];
    let mut wide = Wide::find(extra)?;
    let size = wide.take(number(bytes, 24, 4)?)?;
    let packed = wide.take(number(bytes, 20, 4)?)?;
    let header = wide.take(number(bytes, 42, 4)?)?;
    let entry = Entry {
        name,
        size,
        packed,
        crc: number(bytes, 16, 4)? as u32,
        method: number(bytes, 10, 2)? as u16,
        flags: number(bytes, 8, 2)? as u16,
        header,
        data: 0,
    };
    Ok((entry, length))
}

/// The 64-bit values of an extra field, taken in order by the 32-bit fields that are all ones.
struct Wide<'a>(&'a [u8]);

impl<'a> Wide<'a> {
    fn find(mut extra: &'a [u8]) -> Checked<Self> {
        // Padding of fewer than four bytes is what some writers leave at the end.
        while extra.len() >= 4 {
            let length = number(extra, 2, 2)? as usize;
            let body = extra.get(4..4 + length).ok_or("an extra field is cut off")?;
            if extra.starts_with(&[1, 0]) {
                return Ok(Self(body));
            }
            extra = &extra[4 + length..];
        }
        Ok(Self(&[]))
    }

    fn take(&mut self, narrow: u64) -> Checked<u64> {
        if narrow != u64::from(ZIP64) {
            return Ok(narrow);
        }
        let value = number(self.0, 0, 8)?;
        self.0 = &self.0[8..];
        Ok(value)
    }
}

fn checked_name(bytes: &[u8]) -> Checked<String> {
    let name = std::str::from_utf8(bytes).map_err(|_| "a name is not UTF-8".to_string())?;
    let plain = !name.is_empty()
        && name.len() <= MAX_NAME
        && !name.contains(['\\', '\0', ':'])
        && !name.starts_with('/')
        && name.split('/').all(|part| part != ".." && part != ".");
    if plain {
        Ok(name.into())
    } else {
        Err(format!("the name {name:?} is not a plain relative path"))
    }
}

fn check_entry(entry: &Entry, compression: Compression) -> Checked<()> {
    let Entry { name, method, flags, .. } = entry;
    let mut allowed = FLAG_DESCRIPTOR | FLAG_UTF8;
    match (*method, compression) {
        (STORED, _) if entry.size == entry.packed => {}
        (STORED, _) => return Err(format!("entry {name} is stored but has two sizes")),
        (DEFLATED, Compression::Deflate) => allowed |= FLAG_DEFLATE_LEVEL,
        (DEFLATED, Compression::Stored) => {
            return Err(format!("entry {name} is compressed, which torch.save never does; save the file again"));
        }
        _ => return Err(format!("entry {name} uses compression method {method}")),
    }
    match flags & !allowed {
        0 => Ok(()),
        other if other & 1 != 0 => Err(format!("entry {name} is encrypted")),
        other => Err(format!("entry {name} has flags {other:#06x}")),
    }
}

/// Compares the local header with the directory and fills in where the data begins.
fn local_entry(file: &File, file_size: u64, entry: &mut Entry) -> Checked<()> {
    let name = &entry.name;
    let differs = |what: &str| format!("{what} of entry {name} differs between its header and the directory");
    let beyond = || format!("entry {name} lies beyond the end of the file");
    if entry.header.checked_add(30).is_none_or(|end| end > file_size) {
        return Err(beyond());
    }
    let header = read_at(file, entry.header, 30)?;
    if !header.starts_with(b"PK\x03\x04") {
        return Err(format!("entry {name} has no header at {}", entry.header));
    }
    let (name_length, extra_length) = (number(&header, 26, 2)?, number(&header, 28, 2)?);
    entry.data = entry.header + 30 + name_length + extra_length;
    if entry.data.checked_add(entry.packed).is_none_or(|end| end > file_size) {
        return Err(beyond());
    }
    let rest = read_at(file, entry.header + 30, name_length + extra_length)?;
    if &rest[..name_length as usize] != name.as_bytes() {
        return Err(differs("the name"));
    }
    if number(&header, 6, 2)? != u64::from(entry.flags) || number(&header, 8, 2)? != u64::from(entry.method) {
        return Err(differs("the flags or method"));
    }
    let mut wide = Wide::find(&rest[name_length as usize..])?;
    let crc = number(&header, 14, 4)?;
    let size = wide.take(number(&header, 22, 4)?)?;
    let packed = wide.take(number(&header, 18, 4)?)?;
    let deferred = entry.flags & FLAG_DESCRIPTOR != 0;
    for (what, local, central) in [
        ("the checksum", crc, u64::from(entry.crc)),
        ("the size", size, entry.size),
        ("the size", packed, entry.packed),
    ] {
        if local != central && !(deferred && local == 0) {
            return Err(differs(what));
        }
    }
    Ok(())
}

fn check_overlap(entries: &[Entry], directory: u64) -> Checked<()> {
    let mut order: Vec<&Entry> = entries.iter().collect();
    order.sort_by_key(|entry| entry.header);
    let mut end = 0;
    for entry in order {
        if entry.header < end {
            return Err(format!("entry {} overlaps another", entry.name));
        }
        end = entry.data + entry.packed;
    }
    if end > directory {
        Err("an entry overlaps the directory".into())
    } else {
        Ok(())
    }
}
