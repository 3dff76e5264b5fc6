import { MosError } from '../errors/index.ts';
import type { ContentSource, ContentStore, Referrers, Tags } from './content.ts';
import type { Descriptor } from './descriptor.ts';
import { type GraphNode, isDocument, walkGraph } from './graph.ts';
import { runPool } from './pool.ts';
import { readVerified } from './stream.ts';

export type CopyProgress = {
  readonly kind: 'bytes';
  readonly what: string;
  readonly done: number;
  readonly total: number;
};

export type CopySource = ContentSource & Partial<Referrers>;
export type CopyTarget = ContentStore & Partial<Pick<Tags, 'tag'>>;

export type CopyOptions = {
  /** Blobs on their way at once; default 3. */
  readonly concurrency?: number;
  readonly report?: (event: CopyProgress) => void;
  /** The name in progress events; default the root's digest. */
  readonly what?: string;
  readonly signal?: AbortSignal;
  /** Manifests whose subject is the root come along too (signatures); true: of every type. */
  readonly referrers?: boolean | readonly string[];
  /** The target's name for the root, given last. */
  readonly tag?: string;
  /** Another repository of the target's registry or zot root that may have the content already. */
  readonly mountFrom?: string;
};

/** What is to be sent. Sizes in bytes. */
export type CopyPlan = {
  readonly root: Descriptor;
  /** Missing in the target, children before what names them. */
  readonly missing: readonly GraphNode[];
  /** In the target already. */
  readonly present: readonly Descriptor[];
  /** Of what is missing; `partial` of them were left by an interrupted copy. */
  readonly bytes: number;
  readonly partial: number;
  /** Of everything. */
  readonly total: number;
};

const defaultConcurrency = 3;

/** Reads the source's manifests and asks the target what it has. Nothing is written. */
export async function planCopy(
  source: CopySource,
  target: CopyTarget,
  root: Descriptor,
  options: CopyOptions = {},
): Promise<CopyPlan> {
  const read = (document: Descriptor) =>
    readVerified(document, source.open(document, { signal: options.signal }));
  const nodes = await walkGraph([root, ...(await referrersOf(source, root, options))], read);
  const has = new Set<Descriptor>();
  const partial = new Map<Descriptor, number>();
  await runPool(
    nodes,
    options.concurrency ?? defaultConcurrency,
    async ({ descriptor }) => {
      if (await target.has(descriptor)) has.add(descriptor);
      else partial.set(descriptor, (await target.partialSize?.(descriptor)) ?? 0);
    },
    options.signal,
  );
  const missing = nodes.filter(({ descriptor }) => !has.has(descriptor));
  return {
    root,
    missing,
    present: nodes.map(({ descriptor }) => descriptor).filter((descriptor) => has.has(descriptor)),
    bytes: sum(missing.map(({ descriptor }) => descriptor.size)),
    partial: sum([...partial.values()]),
    total: sum(nodes.map(({ descriptor }) => descriptor.size)),
  };
}

async function referrersOf(source: CopySource, root: Descriptor, { referrers }: CopyOptions) {
  if (referrers === undefined || referrers === false) return [];
  if (source.referrers === undefined)
    throw new MosError('unsupported', `cannot find what refers to ${root.digest}: the source can't tell`);
  const all = await source.referrers(root);
  return referrers === true
    ? all
    : all.filter((d) => d.artifactType !== undefined && referrers.includes(d.artifactType));
}

/** Sends what the plan names: blobs first, several at once, then manifests, what names others after them. */
export async function applyCopy(
  source: CopySource,
  target: CopyTarget,
  plan: CopyPlan,
  options: CopyOptions = {},
): Promise<void> {
  options.signal?.throwIfAborted();
  await using _session = await target.session?.();
  await target.requireSpace?.({ bytes: plan.bytes - plan.partial, files: plan.missing.length });
  const count = counter(plan, options);
  const blobs = plan.missing.filter(({ descriptor }) => !isDocument(descriptor));
  await runPool(
    blobs,
    options.concurrency ?? defaultConcurrency,
    ({ descriptor }, signal) => copyBlob(source, target, descriptor, count, { ...options, signal }),
    options.signal,
  );
  for (const { descriptor, bytes } of plan.missing) {
    options.signal?.throwIfAborted();
    if (bytes !== undefined) await target.put(descriptor, counted([bytes], descriptor, 0, count));
  }
  options.signal?.throwIfAborted();
  if (options.tag !== undefined) await target.tag?.(plan.root, options.tag);
}

/** `planCopy`, then `applyCopy`: afterwards the target has the root and everything below it. */
export async function copyGraph(
  source: CopySource,
  target: CopyTarget,
  root: Descriptor,
  options: CopyOptions = {},
): Promise<CopyPlan> {
  const plan = await planCopy(source, target, root, options);
  await applyCopy(source, target, plan, options);
  return plan;
}

async function copyBlob(
  source: CopySource,
  target: CopyTarget,
  descriptor: Descriptor,
  count: Count,
  options: CopyOptions,
): Promise<void> {
  const { signal, mountFrom } = options;
  const { openRest } = source;
  if (mountFrom !== undefined && (await target.mountFrom?.(descriptor, mountFrom))) {
    count(descriptor, descriptor.size);
  } else if (target.putFrom !== undefined && openRest !== undefined) {
    await target.putFrom(descriptor, (start, how) =>
      counted(openRest.call(source, descriptor, start, { ...how, signal }), descriptor, start, count, signal),
    );
  } else
    await target.put(descriptor, counted(source.open(descriptor, { signal }), descriptor, 0, count, signal));
}

/** Tells how far the transfer of one descriptor has come. */
type Count = (descriptor: Descriptor, position: number) => void;

/** Sums over all descriptors; one that begins again is not counted twice. */
function counter(plan: CopyPlan, options: CopyOptions): Count {
  const positions = new Map<Descriptor, number>();
  let done = 0;
  return (descriptor, position) => {
    const before = positions.get(descriptor) ?? 0;
    if (position <= before) return;
    positions.set(descriptor, position);
    done += position - before;
    options.report?.({ kind: 'bytes', what: options.what ?? plan.root.digest, done, total: plan.bytes });
  };
}

/** A body that tells how far it has come, and ends when the copy was cancelled. */
async function* counted(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  descriptor: Descriptor,
  start: number,
  count: Count,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let position = start;
  count(descriptor, position);
  for await (const chunk of body) {
    signal?.throwIfAborted();
    position += chunk.length;
    count(descriptor, position);
    yield chunk;
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
