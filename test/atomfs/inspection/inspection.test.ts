import test from 'ava';
import { inspectLayer, openInspection, veritySalt } from '../../../pkg/atomfs/index.ts';
import type { Threads } from '../../../pkg/host/index.ts';
import { linuxHost as host } from '../../../pkg/host/linux/index.ts';
import type { Descriptor } from '../../../pkg/oci/index.ts';
import { makeLargeLayer } from '../../helpers/large-layer.ts';

const made = makeLargeLayer();

/** A host that counts its threads. */
function counted() {
  const started: string[] = [];
  const threads: Threads = {
    start: (name, listener) => {
      started.push(name);
      return host.threads.start(name, listener);
    },
  };
  return { host: { ...host, threads }, started };
}

async function look(
  layer: Descriptor,
  bytes: Uint8Array,
  { piece = 300_000, salt = veritySalt, on = host } = {},
) {
  await using inspection = openInspection(on);
  await using watch = await inspection.watch(layer, salt);
  for (let at = 0; at < bytes.length; at += piece) await watch.update(bytes.subarray(at, at + piece));
  const { isChecked, salt: found } = await watch.end();
  return { isChecked, salt: found };
}

test('a large layer is looked at by a thread, in pieces of any size; a small one is not', async (t) => {
  const { host: on, started } = counted();
  for (const piece of [5000, 1 << 19, made.bytes.length])
    t.deepEqual(await look(made.descriptor, made.bytes, { piece, on }), {
      isChecked: true,
      salt: veritySalt,
    });
  t.deepEqual(started, ['inspect-layers', 'inspect-layers', 'inspect-layers']);
  const small = makeLargeLayer(1024 * 1024);
  t.true((await look(small.descriptor, small.bytes, { on })).isChecked);
  t.is(started.length, 3);
});

test('one thread looks at several layers at once, and one that is left in its middle harms no other', async (t) => {
  const { host: on, started } = counted();
  const other = makeLargeLayer(10 * 1024 * 1024);
  await using inspection = openInspection(on);
  await using first = await inspection.watch(made.descriptor);
  await using second = await inspection.watch(other.descriptor);
  {
    await using left = await inspection.watch(made.descriptor);
    await left.update(made.bytes.subarray(0, 2_000_000));
  }
  const step = 700_000;
  for (let at = 0; at < other.bytes.length; at += step) {
    await first.update(made.bytes.subarray(at, at + step));
    await second.update(other.bytes.subarray(at, at + step));
  }
  t.deepEqual(
    [(await first.end()).isChecked, (await second.end()).isChecked, started],
    [true, true, ['inspect-layers']],
  );
});

test('a salt that comes after its data is told, and the second look is right', async (t) => {
  const salt = new Uint8Array(20).fill(7);
  const salted = makeLargeLayer(9 * 1024 * 1024, salt);
  t.deepEqual(await look(salted.descriptor, salted.bytes), { isChecked: false, salt });
  t.deepEqual(await look(salted.descriptor, salted.bytes, { salt }), { isChecked: true, salt });
});

const flipped = (at: number): Buffer => {
  const bytes = Buffer.from(made.bytes);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  return bytes;
};

for (const [what, bytes] of [
  ['a changed byte of the data', flipped(5_000_000)],
  ['a changed byte of the tree', flipped(made.bytes.length - 5000)],
  ['no file system', flipped(0)],
  ['bytes that lack', made.bytes.subarray(0, -1)],
  ['bytes too many', Buffer.concat([made.bytes, Buffer.alloc(1)])],
] as const)
  test(`the thread refuses with the words of ours: ${what}`, async (t) => {
    const inspector = inspectLayer(made.descriptor);
    const here = t.throws(() => {
      inspector.update(bytes);
      inspector.end();
    });
    const { code, message } = here as Error & { code: string };
    await t.throwsAsync(look(made.descriptor, bytes), { code, message });
  });

test('a type that cannot be mounted is refused at once', async (t) => {
  await using inspection = openInspection(host);
  const layer = { ...made.descriptor, mediaType: 'application/vnd.oci.image.layer.v1.tar' };
  await t.throwsAsync(inspection.watch(layer), {
    message: `cannot mount the layer ${layer.digest}: it is a tar layer`,
  });
});

test('nothing is believed of a thread that is not there', async (t) => {
  const threads: Threads = { start: (_, listener) => host.threads.start('no-such-thread', listener) };
  await t.throwsAsync(look(made.descriptor, made.bytes, { on: { ...host, threads } }), {
    code: 'internal',
    message: 'cannot look at the layers: the thread for it ended',
  });
});
