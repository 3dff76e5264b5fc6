import { execFileSync } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { parsePeImage } from '../../../pkg/trust/efi/image.ts';
import { verifyEfiBytes } from '../../../pkg/trust/efi/verify.ts';
import { parseAnchors, signEfi, verifyEfi } from '../../../pkg/trust/index.ts';
import { scratchFolder } from '../../helpers/folders.ts';
import { openssl } from '../../helpers/keyset.ts';
import { checksumAt, directoryAt, makePe, optionalAt, withTable } from '../../helpers/pe.ts';

const stub = '/usr/lib/systemd/boot/efi/linuxx64.efi.stub';
const keys = { folder: '' };

/** Two signers, made once. */
test.before(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mos-efi-'));
  keys.folder = folder;
  for (const name of ['db', 'other'])
    openssl(
      folder,
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-subj',
      `/CN=UEFI ${name}`,
      '-days',
      '30',
    );
  openssl(
    folder,
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'leaf.key',
    '-out',
    'leaf.csr',
    '-subj',
    '/CN=UKI',
  );
  await writeFile(`${folder}/ext`, 'keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n');
  openssl(
    folder,
    'x509',
    '-req',
    '-in',
    'leaf.csr',
    '-CA',
    'db.pem',
    '-CAkey',
    'db.key',
    '-CAcreateserial',
    '-extfile',
    'ext',
    '-out',
    'leaf.pem',
  );
});
test.after.always(() => linuxHost.files.removeTree(keys.folder));

const sbsign = (name: string, input: string, output: string) =>
  execFileSync(
    'sbsign',
    [
      '--key',
      `${keys.folder}/${name}.key`,
      '--cert',
      `${keys.folder}/${name}.pem`,
      '--output',
      output,
      input,
    ],
    { stdio: 'pipe' },
  );
const sbverify = (name: string, file: string): string =>
  execFileSync('sbverify', ['--cert', `${keys.folder}/${name}.pem`, file], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

/** A file signed by sbsign, and what it says of it. */
async function signed(t: ExecutionContext, image: Buffer | string, name = 'db') {
  const folder = await scratchFolder(t, 'efi');
  const [input, output] = [`${folder}/in.efi`, `${folder}/out.efi`];
  await (typeof image === 'string' ? copyFile(image, input) : writeFile(input, image));
  sbsign(name, input, output);
  return { folder, input, output, bytes: await readFile(output) };
}

const agreement = test.macro({
  title: (_, what: string) => `what sbsign signs we believe, and what we sign sbverify believes: ${what}`,
  async exec(t, _what: string, image: () => Buffer | string) {
    const { folder, input, output } = await signed(t, image());
    const cert = `${keys.folder}/db.pem`;
    t.deepEqual(await verifyEfi(linuxHost, output, cert), { file: output, signer: 'UEFI db', signatures: 1 });
    const ours = `${folder}/ours.efi`;
    const value = await signEfi(linuxHost, input, ours, { key: `${keys.folder}/db.key`, certificate: cert });
    t.deepEqual(value, { file: ours, signer: 'UEFI db', signatures: 1 });
    t.is(sbverify('db', ours), 'Signature verification OK\n');
    const again = `${folder}/again.efi`;
    await signEfi(linuxHost, input, again, { key: `${keys.folder}/db.key`, certificate: cert });
    t.true((await readFile(again)).equals(await readFile(ours)), 'the same bytes again');
    const beside = await signEfi(linuxHost, output, ours, {
      key: `${keys.folder}/db.key`,
      certificate: cert,
    });
    t.is(beside.signatures, 2, 'beside the signature of sbsign');
    t.is(sbverify('db', ours), 'Signature verification OK\n');
    t.deepEqual((await readdir(folder)).sort(), ['again.efi', 'in.efi', 'ours.efi', 'out.efi']);
  },
});
test(agreement, 'the stub of systemd', () => stub);
test(agreement, 'two sections', () => makePe());
test(agreement, 'a length that is no multiple of 8', () => makePe({ trailing: 13 }));

test('of two signatures either signer is believed, and a CA above the signer too', async (t) => {
  const { folder, output } = await signed(t, makePe());
  sbsign('other', output, `${folder}/twice.efi`);
  for (const [name, signer] of [
    ['db', 'UEFI db'],
    ['other', 'UEFI other'],
  ] as const) {
    const value = await verifyEfi(linuxHost, `${folder}/twice.efi`, `${keys.folder}/${name}.pem`);
    t.deepEqual(value, { file: `${folder}/twice.efi`, signer, signatures: 2 });
  }
  const below = await signed(t, makePe(), 'leaf');
  t.is((await verifyEfi(linuxHost, below.output, `${keys.folder}/db.pem`)).signer, 'UKI');
  t.is((await verifyEfi(linuxHost, below.output, `${keys.folder}/leaf.pem`)).signer, 'UKI');
  t.is(sbverify('leaf', below.output), 'Signature verification OK\n');
});

test('every single byte of an image is covered, but for its checksum', async (t) => {
  const { output, bytes } = await signed(t, makePe());
  const table = bytes.readUInt32LE(directoryAt);
  const { certificates } = parseAnchors(await readFile(`${keys.folder}/db.pem`), 'db.pem');
  const believed: number[] = [];
  for (let at = 0; at < table; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 0x01;
    try {
      verifyEfiBytes(changed, output, certificates);
      believed.push(at);
    } catch (error) {
      t.is((error as { code?: string }).code, 'untrusted');
    }
  }
  t.deepEqual(believed, [checksumAt, checksumAt + 1, checksumAt + 2, checksumAt + 3]);
});

const refuses = test.macro({
  title: (title) => `an EFI file refused: ${title}`,
  async exec(t, why: string, bend: (good: Buffer, t: ExecutionContext) => Buffer | Promise<Buffer>) {
    const { folder, bytes } = await signed(t, makePe());
    await writeFile(`${folder}/bent.efi`, await bend(bytes, t));
    await t.throwsAsync(verifyEfi(linuxHost, `${folder}/bent.efi`, `${keys.folder}/db.pem`), {
      code: 'untrusted',
      message: `cannot trust ${folder}/bent.efi: ${why}`,
    });
  },
});
const unusable = 'cannot use it as an EFI file:';
const edited = (change: (file: Buffer) => void) => (good: Buffer) => {
  const file = Buffer.from(good);
  change(file);
  return file;
};
const tableOf = (file: Buffer) => file.readUInt32LE(directoryAt);
const blobOf = (file: Buffer) =>
  file.subarray(tableOf(file) + 8, tableOf(file) + file.readUInt32LE(tableOf(file)));

test('no signature', refuses, 'it is not signed', () => makePe());
test(
  'another signer',
  refuses,
  'it is not signed by "UEFI db"',
  async (_, t) => (await signed(t, makePe(), 'other')).bytes,
);
test(
  'a tampered section',
  refuses,
  'its bytes are not those that were signed',
  edited((file) => file.writeUInt8(0xcd, 600)),
);
test('the signature of another file', refuses, 'its bytes are not those that were signed', (good) =>
  withTable(makePe({ sections: [{ start: 512, size: 2048 }] }), [blobOf(good)]),
);
test(
  'a tampered section and its new digest in the signature',
  refuses,
  'its signature is malformed (cannot read the signature: its content was changed after it was signed)',
  edited((file) => {
    const before = Buffer.from(parsePeImage(file).digest);
    file.writeUInt8(0xcd, 600);
    const at = file.indexOf(before, tableOf(file));
    Buffer.from(parsePeImage(file).digest).copy(file, at);
  }),
);
test(
  'a signature of garbage',
  refuses,
  'its signature is malformed (cannot read DER: tag 5 where 30 belongs)',
  () => withTable(makePe(), [Buffer.from('0500', 'hex')]),
);
test(
  'a signature with bytes behind it',
  refuses,
  'its signature is malformed (cannot read the signature: bytes follow it)',
  (good) => withTable(makePe(), [Buffer.concat([blobOf(good), Buffer.from('x')])]),
);
test('text', refuses, `${unusable} it has no DOS header`, () => Buffer.from('hello'));
test(
  'a DOS program',
  refuses,
  `${unusable} it has no PE header`,
  edited((file) => file.write('NE', 0x80, 'latin1')),
);
test('a file that ends in its headers', refuses, `${unusable} it ends in the middle of its headers`, (good) =>
  good.subarray(0, 0x90),
);
test(
  'a header far outside',
  refuses,
  `${unusable} it ends in the middle of its headers`,
  edited((file) => file.writeUInt32LE(0xfffffff0, 0x3c)),
);
test(
  'an unknown optional header',
  refuses,
  `${unusable} its optional header is of an unknown kind`,
  edited((file) => file.writeUInt16LE(0x107, optionalAt)),
);
test('no place for a signature', refuses, `${unusable} it has no place for a signature`, () =>
  makePe({ directories: 4 }),
);
test(
  'headers that overlap',
  refuses,
  `${unusable} its headers overlap`,
  edited((file) => file.writeUInt32LE(0x100, optionalAt + 60)),
);
test(
  'a table beyond the end',
  refuses,
  `${unusable} its certificate table is not inside the file`,
  edited((file) => file.writeUInt32LE(file.length, directoryAt + 4)),
);
test(
  'a table that is not aligned',
  refuses,
  `${unusable} its certificate table is not inside the file`,
  edited((file) => file.writeUInt32LE(tableOf(file) + 4, directoryAt)),
);
test('bytes behind the table', refuses, `${unusable} bytes follow its certificate table`, (good) =>
  Buffer.concat([good, Buffer.alloc(8)]),
);
test(
  'a table made shorter',
  refuses,
  `${unusable} bytes follow its certificate table`,
  edited((file) => file.writeUInt32LE(file.length - tableOf(file) - 8, directoryAt + 4)),
);
test(
  'an entry longer than the table',
  refuses,
  `${unusable} its certificate table is malformed`,
  edited((file) => file.writeUInt32LE(0x7fffffff, tableOf(file))),
);
test(
  'an entry of no length',
  refuses,
  `${unusable} its certificate table is malformed`,
  edited((file) => file.writeUInt32LE(0, tableOf(file))),
);
test('data hidden in the padding', refuses, `${unusable} its certificate table is malformed`, (good) => {
  const file = withTable(makePe(), [Buffer.concat([blobOf(good).subarray(0, 97)])]);
  file.writeUInt8(1, file.length - 1);
  return file;
});
test(
  'an entry of another kind',
  refuses,
  `${unusable} its certificate table has an entry of another kind`,
  edited((file) => file.writeUInt16LE(0x0ef1, tableOf(file) + 6)),
);
test('a gap between sections', refuses, `${unusable} its sections leave gaps or overlap`, (good) =>
  withTable(
    makePe({
      sections: [
        { start: 512, size: 512 },
        { start: 1536, size: 512 },
      ],
    }),
    [blobOf(good)],
  ),
);
test('sections that overlap', refuses, `${unusable} its sections leave gaps or overlap`, (good) =>
  withTable(
    makePe({
      sections: [
        { start: 512, size: 1024 },
        { start: 1024, size: 1024 },
      ],
    }),
    [blobOf(good)],
  ),
);
test(
  'a section beyond the end',
  refuses,
  `${unusable} its sections reach beyond its end`,
  edited((file) => file.writeUInt32LE(0x10000, optionalAt + 240 + 40 + 16)),
);

test('a file or key that is missing is named, and a failed signing leaves nothing', async (t) => {
  const folder = await scratchFolder(t, 'efi');
  const [key, certificate] = [`${keys.folder}/db.key`, `${keys.folder}/other.pem`];
  await t.throwsAsync(signEfi(linuxHost, `${folder}/in.efi`, `${folder}/out.efi`, { key, certificate }), {
    code: 'not-found',
    message: `cannot sign ${folder}/in.efi: there is no ${folder}/in.efi`,
  });
  await writeFile(`${folder}/in.efi`, makePe());
  await writeFile(`${folder}/out.efi`, 'before');
  await t.throwsAsync(signEfi(linuxHost, `${folder}/in.efi`, `${folder}/out.efi`, { key, certificate }));
  await t.throwsAsync(
    signEfi(linuxHost, `${keys.folder}/db.pem`, `${folder}/out.efi`, { key, certificate }),
    {
      code: 'invalid',
      message: `cannot sign ${keys.folder}/db.pem: cannot use it as an EFI file: it has no DOS header`,
    },
  );
  t.is(await readFile(`${folder}/out.efi`, 'utf8'), 'before');
  t.deepEqual((await readdir(folder)).sort(), ['in.efi', 'out.efi']);
});
