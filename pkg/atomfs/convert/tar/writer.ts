import { type Attributes, type ByteText, blockBytes, padded } from './entry.ts';

/** What a header of ours says. */
export type HeaderFields = {
  readonly path: ByteText;
  readonly type: keyof typeof flags;
  readonly attributes: Attributes;
  readonly link: ByteText;
  readonly major: number;
  readonly minor: number;
  readonly size: number;
};

const flags = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
} as const;

const longestField = 100;

/**
 * The header blocks of one entry, in the form that sqfstar 4.5.1 and GNU tar read alike:
 * - long names and targets in GNU's L and K headers: sqfstar drops "/" and "../" from the front of a link's target
 *   when it stands in a pax header;
 * - no user and group names: sqfstar looks them up on the machine where it runs and prefers what it finds;
 * - times in whole seconds and sizes in the header itself: sqfstar refuses a pax time without a fraction;
 * - a pax header only for extended attributes.
 */
export function renderEntry(fields: HeaderFields): Buffer {
  const blocks: Buffer[] = [];
  if (fields.path.length > longestField)
    blocks.push(extension('L', Buffer.from(`${fields.path}\0`, 'latin1')));
  if (fields.link.length > longestField)
    blocks.push(extension('K', Buffer.from(`${fields.link}\0`, 'latin1')));
  const { xattrs } = fields.attributes;
  if (xattrs.size > 0) blocks.push(extension('x', Buffer.concat([...xattrs].map(paxRecord))));
  blocks.push(header(flags[fields.type], fields));
  return blocks.length === 1 ? (blocks[0] ?? Buffer.alloc(0)) : Buffer.concat(blocks);
}

/** The end of an archive. */
export const endBlocks = 2 * blockBytes;

function extension(flag: string, body: Buffer): Buffer {
  const block = header(flag, { path: '././@LongLink', link: '', size: body.length });
  return Buffer.concat([block, body, Buffer.alloc(padded(body.length) - body.length)]);
}

/** The length counts itself. */
function paxRecord([name, value]: readonly [ByteText, ByteText]): Buffer {
  const rest = ` SCHILY.xattr.${name}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.from(`${length}${rest}`, 'latin1');
}

type Fields = {
  readonly path: ByteText;
  readonly link: ByteText;
  readonly size: number;
} & Partial<HeaderFields>;

function header(flag: string, fields: Fields): Buffer {
  const block = Buffer.alloc(blockBytes);
  const { attributes } = fields;
  block.write(fields.path.slice(0, longestField), 0, 'latin1');
  number(block, 100, 8, attributes?.mode ?? 0);
  number(block, 108, 8, attributes?.uid ?? 0);
  number(block, 116, 8, attributes?.gid ?? 0);
  number(block, 124, 12, fields.size);
  number(block, 136, 12, attributes?.mtime ?? 0);
  block.write(flag, 156, 'latin1');
  block.write(fields.link.slice(0, longestField), 157, 'latin1');
  block.write('ustar  \0', 257, 'latin1');
  if (flag === flags.character || flag === flags.block) {
    number(block, 329, 8, fields.major ?? 0);
    number(block, 337, 8, fields.minor ?? 0);
  }
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Octal digits and a NUL; in base 256 what doesn't fit. */
function number(block: Buffer, at: number, size: number, value: number): void {
  const digits = value.toString(8);
  if (digits.length < size) block.write(digits.padStart(size - 1, '0'), at, 'latin1');
  else {
    block.writeBigUInt64BE(BigInt(value), at + size - 8);
    block[at] = 0x80;
  }
}
