import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import type { TufRole } from '../../../pkg/trust/index.ts';
import { addChannelKeys, forge, keysOfVendor, memoryChannel, offer } from '../../helpers/channel.ts';
import { compile } from '../../helpers/compile.ts';
import { mutate, seeded } from '../../helpers/mutate.ts';
import { makeVendor } from '../../helpers/vendor.ts';
import type { ChannelVector } from './channel-program.ts';

const source = 'test/parity/trust/channel-program.ts';
const rounds = Number(process.env.FUZZ_ROUNDS ?? 200);
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const at = '2027-01-02T00:00:00Z';

const run = (program: string, args: readonly string[], vectors: readonly ChannelVector[]) =>
  new Promise<readonly unknown[]>((resolve, reject) => {
    const child = execFile(program, args, { maxBuffer: 1 << 28 }, (error, stdout, stderr) =>
      error === null && stderr === ''
        ? resolve(JSON.parse(stdout))
        : reject(new Error(`${error?.message} ${stderr}`)),
    );
    child.stdin?.end(JSON.stringify(vectors));
  });

const nested = (depth: number): unknown => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);

/** A good channel first, then the same with random changes, and with what is signed well but says nonsense. */
async function vectorsOf(t: ExecutionContext): Promise<readonly ChannelVector[]> {
  const vendor = await makeVendor(t);
  await addChannelKeys(vendor);
  const channel = memoryChannel();
  await offer(vendor, channel, { releases: [1, 2], at });
  const files = Object.fromEntries([...channel.files].map(([file, bytes]) => [file, base64(bytes)]));
  const good: ChannelVector = {
    ...{ kind: 'channel', product: vendor.product, at, files },
    anchors: base64(await readFile(vendor.ca)),
    endorsed: Object.fromEntries(
      [...channel.endorsed].map(([file, { certificate, signature }]) => [
        file,
        [base64(certificate), base64(signature)],
      ]),
    ),
  };
  const { keys } = await keysOfVendor(vendor);
  const changes = (bytes: Uint8Array) =>
    Array.from({ length: rounds }, (_, round) => base64(mutate(bytes, seeded(round))));
  const random = [...channel.files].flatMap(([file, bytes]): ChannelVector[] => {
    const role = /(root|targets|snapshot|timestamp)\.json$/.exec(file)?.[1] as TufRole | undefined;
    return changes(bytes).flatMap((changed) => [
      { ...good, files: { ...files, [file]: changed } },
      role === undefined ? { kind: 'index', bytes: changed } : { kind: 'metadata', role, bytes: changed },
    ]);
  });
  const wave = {
    start_seed: 0,
    end_seed: 2 ** 32,
    start: '2027-01-01T00:00:00Z',
    end: '2027-01-02T00:00:00Z',
  };
  const release = {
    version: '1',
    release: 1,
    manifest: `sha256:${'a'.repeat(64)}`,
    arch: 'amd64',
    waves: [wave],
  };
  const indexes = [
    ...[
      '2027-02-29T00:00:00Z',
      '2027-01-01T24:00:00Z',
      '2027-01-01T00:00:60Z',
      '+002027-01-01T00:00:00Z',
      5,
    ].map((start) => ({
      releases: [{ ...release, waves: [{ ...wave, start }] }],
    })),
    ...[-1, 0.5, 2 ** 32, '0'].map((start_seed) => ({
      releases: [{ ...release, waves: [{ ...wave, start_seed }] }],
    })),
    ...['https://é.example', 'https://', 'http://a', 'https://a b', 7].map((notes) => ({
      releases: [{ ...release, notes }],
    })),
    ...['\u202e', '\ud800', '\u2028', 'é', ''].map((withdrawn) => ({
      releases: [{ ...release, withdrawn }],
    })),
    ...[null, {}, [null], [[]], 'x'].map((releases) => ({ releases })),
    { releases: [{ ...release, ['__proto__']: { arch: 'arm64' } }] },
  ].map((change): ChannelVector => {
    const index = { version: 1, product: 'a', channel: 'b/c', ...change };
    return { kind: 'index', bytes: base64(Buffer.from(JSON.stringify(index))) };
  });
  const nonsense = [
    ...[0, -1, 1.5, 1e300, '1', null, [], {}].map((version) => ({ version })),
    ...['', 'soon', '2027-02-30T00:00:00Z', '2030-01-01T00:00:00', 5, null].map((expires) => ({ expires })),
    ...['2.0.0', '1', '1.0.31-x', 1, null].map((spec_version) => ({ spec_version })),
    ...[null, [], {}, { 'snapshot.json': {} }, { 'snapshot.json': { version: 1.5 } }].map((meta) => ({
      meta,
    })),
    ...[{ 'snapshot.json': { version: 1, hashes: { md5: 'x' } } }, { ['__proto__']: { version: 1 } }].map(
      (meta) => ({ meta }),
    ),
    ...['targets', 'root', '', null].map((_type) => ({ _type })),
    { 'x-machine-product': { toString: 'x' } },
    { ['__proto__']: { version: 9 } },
    { extra: 1.5 },
    { extra: nested(10) },
    { extra: nested(20) },
    { extra: nested(3000) },
    { extra: '\u2028\ud800é"\\' },
  ].map((change): ChannelVector => {
    const forged = base64(forge(channel.files.get('timestamp.json'), keys.timestamp, change));
    return { ...good, files: { ...files, 'timestamp.json': forged } };
  });
  const deep = base64(Buffer.from(`{"signed":${'['.repeat(8000)}${']'.repeat(8000)},"signatures":[]}`));
  nonsense.push({ ...good, files: { ...files, 'timestamp.json': deep } }, { kind: 'index', bytes: deep });
  return [good, ...random, ...indexes, ...nonsense];
}

test('the executable believes and refuses the channels that Node does, and says the same', async (t) => {
  const compiled = await compile(source, 'channel');
  t.teardown(() => rm(compiled));
  const vectors = await vectorsOf(t);
  const [byNode, byExecutable] = [await run('node', [source], vectors), await run(compiled, [], vectors)];
  const [good] = byNode as readonly { index?: { releases: readonly unknown[] } }[];
  t.is(good?.index?.releases.length, 2);
  for (const [index, value] of byExecutable.entries())
    if (JSON.stringify(value) !== JSON.stringify(byNode[index]))
      t.fail(
        `${JSON.stringify(vectors[index])}\nNode: ${JSON.stringify(byNode[index])}\nexecutable: ${JSON.stringify(value)}`,
      );
  const told = byExecutable.filter((value) => typeof value === 'string');
  t.deepEqual(
    told.filter((value) => !value.startsWith('refused: ')),
    [],
  );
  // Whatever was changed, a channel that is believed says what its vendor signed.
  for (const [index, value] of byNode.entries())
    if (vectors[index]?.kind === 'channel' && typeof value === 'object')
      t.deepEqual((value as { index: unknown }).index, good?.index);
  t.log(`${vectors.length} vectors, ${told.length} refused`);
  t.true(told.length > vectors.length / 2);
});
