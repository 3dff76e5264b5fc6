import test from 'ava';
import {
  type BootableGeneration,
  bootFileName,
  type EspContent,
  planEsp,
  renderEntry,
} from '../../pkg/esp/index.ts';
import { parseDigest } from '../../pkg/oci/index.ts';

const cluster = 4096;
const old = parseDigest(`sha256:${'0'.repeat(64)}`);
const fresh = parseDigest(`sha256:${'f'.repeat(64)}`);
const gone = parseDigest(`sha256:${'e'.repeat(64)}`);
const length = 5000;
const rounded = 8192;

const one: BootableGeneration = { generation: 1, bootFile: old, bytes: length, isGood: true };
const two: BootableGeneration = { generation: 2, bootFile: fresh, bytes: length, isGood: false };
const entry = ({ generation, bootFile }: BootableGeneration, name = `mos-${generation}.conf`) => ({
  name,
  text: renderEntry({ generation, bootFile }),
});
const file = ({ bootFile, bytes }: BootableGeneration) => ({ name: bootFileName(bootFile), bytes });
const content = (part: Partial<EspContent>): EspContent => ({
  bootFiles: [file(one)],
  entries: [entry(one)],
  free: 1 << 20,
  cluster,
  ...part,
});
const write = (generation: BootableGeneration, name: string) => ({
  kind: 'write' as const,
  path: `loader/entries/${name}`,
  text: renderEntry(generation),
});
const copy = ({ bootFile, bytes }: BootableGeneration) => ({
  kind: 'copy' as const,
  path: `EFI/mos/${bootFileName(bootFile)}`,
  bootFile,
  bytes,
});
const remove = (path: string) => ({ kind: 'remove' as const, path });
const nothing = { calls: [], takes: 0, frees: 0 };

test('a new generation: its boot file, then its counted entry', (t) => {
  t.deepEqual(planEsp(content({}), [one, two]), {
    calls: [copy(two), write(two, 'mos-2+3.conf')],
    takes: rounded + cluster,
    frees: 0,
  });
});

test('done once, the plan is empty', (t) => {
  const done = content({
    bootFiles: [one, two].map(file),
    entries: [entry(one), entry(two, 'mos-2+3.conf')],
  });
  t.deepEqual(planEsp(done, [one, two]), nothing);
});

test('a generation with the same boot file takes an entry only', (t) => {
  const same = { ...two, bootFile: old };
  t.deepEqual(planEsp(content({}), [one, same]), {
    calls: [write(same, 'mos-2+3.conf')],
    takes: cluster,
    frees: 0,
  });
});

test('a good generation loses its counter', (t) => {
  const tried = content({
    bootFiles: [one, two].map(file),
    entries: [entry(one), entry(two, 'mos-2+2-1.conf')],
  });
  t.deepEqual(planEsp(tried, [one, { ...two, isGood: true }]), {
    calls: [write({ ...two, isGood: true }, 'mos-2.conf'), remove('loader/entries/mos-2+2-1.conf')],
    takes: cluster,
    frees: 0,
  });
});

test('an edited entry in place of the good one is written anew while the counted one still boots', (t) => {
  const edited = content({
    bootFiles: [one, two].map(file),
    entries: [entry(one), { name: 'mos-2.conf', text: 'title other\n' }, entry(two, 'mos-2+2-1.conf')],
  });
  t.deepEqual(planEsp(edited, [one, { ...two, isGood: true }]).calls, [
    write(two, 'mos-2.conf'),
    remove('loader/entries/mos-2+2-1.conf'),
  ]);
});

test('a counter is never set back', (t) => {
  const exhausted = content({
    bootFiles: [one, two].map(file),
    entries: [entry(one), entry(two, 'mos-2+0-3.conf')],
  });
  t.deepEqual(planEsp(exhausted, [one, two]), nothing);
  const edited = { name: 'mos-2+0-3.conf', text: `${renderEntry(two)}options quiet\n` };
  t.deepEqual(planEsp({ ...exhausted, entries: [entry(one), edited] }, [one, two]).calls, [
    write(two, 'mos-2+0-4.conf'),
    write(two, 'mos-2+0-3.conf'),
    remove('loader/entries/mos-2+0-4.conf'),
  ]);
});

test('of two entries of one generation the one with fewer tries stays', (t) => {
  const twice = content({
    bootFiles: [one, two].map(file),
    entries: [entry(one), entry(two, 'mos-2+3.conf'), entry(two, 'mos-2+2-1.conf')],
  });
  t.deepEqual(planEsp(twice, [one, two]).calls, [remove('loader/entries/mos-2+3.conf')]);
});

test('an entry without counter of a generation that has not proved good gets one', (t) => {
  const uncounted = content({ bootFiles: [one, two].map(file), entries: [entry(one), entry(two)] });
  t.deepEqual(planEsp(uncounted, [one, two]).calls, [
    write(two, 'mos-2+3.conf'),
    remove('loader/entries/mos-2.conf'),
  ]);
});

test('what nobody wants goes, entries first; files of others stay', (t) => {
  const three = { ...two, generation: 3, bootFile: gone };
  const full = content({
    bootFiles: [file(one), file(three), { name: 'theirs.efi', bytes: 7 }],
    entries: [entry(one), entry(three, 'mos-3+0-3.conf'), { name: 'debian.conf', text: 'title Debian\n' }],
  });
  t.deepEqual(planEsp(full, [one]), {
    calls: [remove('loader/entries/mos-3+0-3.conf'), remove(`EFI/mos/${bootFileName(gone)}`)],
    takes: 0,
    frees: rounded + cluster,
  });
});

test('an edited entry is written again, and meanwhile another one boots', (t) => {
  const edited = content({ entries: [{ name: 'mos-1.conf', text: `${renderEntry(one)}options quiet\n` }] });
  t.deepEqual(planEsp(edited, [one]).calls, [
    write(one, 'mos-1+3.conf'),
    write(one, 'mos-1.conf'),
    remove('loader/entries/mos-1+3.conf'),
  ]);
});

test('a boot file that no entry names may be torn: it is written again, in its own room', (t) => {
  const unnamed = content({ bootFiles: [one, two].map(file), free: 2 * cluster });
  t.deepEqual(planEsp(unnamed, [one, two]), {
    calls: [copy(two), write(two, 'mos-2+3.conf')],
    takes: rounded + cluster,
    frees: rounded,
  });
  const torn = { name: 'mos-2+3.conf', text: '' };
  t.deepEqual(planEsp({ ...unnamed, entries: [entry(one), torn] }, [one, two]).calls, [
    copy(two),
    write(two, 'mos-2+3.conf'),
  ]);
});

test('a boot file of another length is written again, and nothing names it meanwhile', (t) => {
  const entries = [entry(one), entry(two, 'mos-2+1-2.conf')];
  const torn = content({ bootFiles: [file(one), { ...file(two), bytes: 12 }], entries });
  t.deepEqual(planEsp(torn, [one, two]), {
    calls: [remove('loader/entries/mos-2+1-2.conf'), copy(two), write(two, 'mos-2+1-2.conf')],
    takes: rounded + cluster,
    frees: 2 * cluster,
  });
});

test('half of the name of a boot file is ours too', (t) => {
  const names = ['8F3A1C~1.EFI', '8f12ab~2.efi', 'SHELLX~1.EFI', 'abc.efi'];
  const halves = content({ bootFiles: [file(one), ...names.map((name) => ({ name, bytes: 7 }))] });
  t.deepEqual(planEsp(halves, [one]).calls, [remove('EFI/mos/8F3A1C~1.EFI'), remove('EFI/mos/8f12ab~2.efi')]);
});

test('what goes makes room for what comes, to the last cluster', (t) => {
  const three = { ...two, generation: 3, bootFile: gone };
  const full = (free: number) =>
    content({ bootFiles: [one, three].map(file), entries: [entry(one), entry(three)], free });
  t.is(planEsp(full(cluster), [one, two]).frees, rounded + cluster);
  const kept = full(rounded + 2 * cluster - 1);
  const error = t.throws(() => planEsp(kept, [one, { ...three, isGood: true }, two]));
  t.like(error, {
    code: 'no-space',
    message: 'cannot put the boot files on the ESP: they take 16384 bytes, it has room for 16383',
    hint: 'keep fewer generations, or make the ESP larger',
  });
});
