import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { addSections, buildUki, parseProgram, sectionContent, type UkiParts } from '../../pkg/esp/index.ts';
import { temporaryFolder } from '../helpers/folder.ts';

const stub = readFileSync('/usr/lib/systemd/boot/efi/linuxx64.efi.stub');
const parts: UkiParts = {
  stub,
  kernel: Buffer.alloc(3_000_001, 'k'),
  initrd: Buffer.alloc(5_000_000, 'i'),
  commandLine: 'console=ttyS0 panic=10',
  osRelease: 'ID=mos\n',
  release: '6.1.0-1-amd64',
};

test('binutils read the sections as they were meant, none overlaps another', async (t) => {
  const file = join(await temporaryFolder(t), 'uki.efi');
  writeFileSync(file, buildUki(parts));
  const listed = execFileSync('objdump', ['-h', '-w', file], { encoding: 'utf8' });
  const sections = [...listed.matchAll(/^ *\d+ (\S+) +([0-9a-f]+) +([0-9a-f]+) /gm)].map(
    ([, name = '', size = '', address = '']) => ({
      name,
      size: Number.parseInt(size, 16),
      address: Number.parseInt(address, 16),
    }),
  );
  const own = sections.slice(-5);
  t.deepEqual(
    own.map(({ name, size }) => [name, size]),
    [
      ['.osrel', 7],
      ['.cmdline', 22],
      ['.uname', 13],
      ['.linux', 3_000_001],
      ['.initrd', 5_000_000],
    ],
  );
  for (const [index, { name, address }] of sections.entries()) {
    const before = sections[index - 1];
    if (before) t.true(address >= before.address + before.size, name);
  }
  for (const { name, address } of own) t.is(address % 4096, 0, name);
  execFileSync('objcopy', ['-O', 'binary', '--only-section=.linux', file, `${file}.linux`]);
  t.true(readFileSync(`${file}.linux`).equals(parts.kernel));
});

test('the parts come out as they went in, and the same parts give the same bytes', (t) => {
  const uki = buildUki(parts);
  t.true(Buffer.from(buildUki(parts)).equals(uki));
  const { sections } = parseProgram(uki);
  const content = (name: string): Uint8Array | undefined => {
    const found = sections.find((section) => section.name === name);
    return found && sectionContent(uki, found);
  };
  t.true(Buffer.from(content('.initrd') ?? []).equals(parts.initrd));
  t.is(Buffer.from(content('.cmdline') ?? []).toString(), parts.commandLine);
  t.is(uki.length % 512, 0);
  let at = 0x400; // the stub's headers; a gap would not be covered by a signature
  for (const { start, fileSize } of sections) {
    t.is(start, at);
    at += fileSize;
  }
  t.is(at, uki.length);
});

const refused = test.macro((t, program: Uint8Array, name: string, message: string) => {
  const error = t.throws(() => addSections(program, [{ name, content: Buffer.from('x') }]));
  t.is(error?.message, message);
});
const signed = Buffer.from(stub);
signed.writeUInt32LE(8, signed.readUInt32LE(0x3c) + 24 + 112 + 4 * 8 + 4);
test(
  'refused: a signed stub',
  refused,
  signed,
  '.linux',
  'cannot add to a signed EFI program: its signature would no longer fit',
);
test(
  'refused: a section that is there',
  refused,
  stub,
  '.sbat',
  'cannot add the section .sbat to an EFI program that has one',
);
test(
  'refused: a text',
  refused,
  Buffer.from('no program'),
  '.linux',
  'cannot read the EFI program: it has no DOS header',
);
test(
  'refused: half a stub',
  refused,
  stub.subarray(0, 0x100),
  '.linux',
  'cannot read the EFI program: it ends in the middle of its headers',
);
test('refused: more sections than the headers have room for', (t) => {
  const many = Array.from({ length: 8 }, (_, index) => ({ name: `.n${index}`, content: Buffer.from('x') }));
  t.is(
    t.throws(() => addSections(stub, many))?.message,
    'cannot add 8 sections to an EFI program: its headers have no room',
  );
});
