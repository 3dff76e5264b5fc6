import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { createBootFs, machinePaths, mount, umount } from '../../pkg/system/index.ts';
import { type Called, call } from '../helpers/cli.ts';
import { treeOf } from '../helpers/tree.ts';
import { copyFor, type Operation } from './operations.ts';

/** A command in this process. */
export const runHere = (root: string, words: readonly string[], host: Host = linuxHost): Promise<Called> =>
  call(['mosctl', '--quiet', '--json', ...words, '--root', root], { host });

/** What `status` says of generations and images; undefined where nothing is installed. */
type Seen = { readonly running: number; readonly next: number | undefined; readonly text: string };

/** How the machine was before the operation, and is after one that nobody disturbed. */
export type Expected = {
  readonly before: Seen | undefined;
  readonly after: Seen | undefined;
  readonly machine: unknown;
  readonly mounts: readonly string[];
};

/** Runs the operation undisturbed, by `run`, on a copy, and remembers what it makes of the machine. */
export async function expectedOf(
  t: ExecutionContext,
  operation: Operation,
  root: string,
  run: (root: string) => Promise<{ exit: number }>,
): Promise<Expected> {
  await makeCopy(t, operation, root);
  const before = await seenOf(root);
  t.is((await run(root)).exit, 0);
  const expected = {
    before,
    after: await seenOf(root),
    machine: await machineOf(root),
    mounts: await mountsOf(root),
  };
  await removeCopy(root);
  return expected;
}

export async function makeCopy(t: ExecutionContext, operation: Operation, root: string): Promise<void> {
  t.teardown(() => removeCopy(root));
  await copyFor(operation, root);
}

/** Whatever is mounted or attached below the copy goes with it. */
export async function removeCopy(root: string): Promise<void> {
  const { run } = await machinePaths(linuxHost, root);
  await unmountAll(root, run);
  await rm(run, { recursive: true, force: true });
  await rm(root, { recursive: true, force: true });
}

export async function unmountAll(root: string, run: string): Promise<void> {
  const table = await linuxHost.mounts.table();
  for (const { target } of table.toReversed())
    if (target.startsWith(`${root}/`) || target.startsWith(`${run}/`))
      await linuxHost.mounts.unmount(target, { detach: true }).catch(() => {});
}

/** What is mounted or attached because of this machine, without names that chance gave. */
async function mountsOf(root: string): Promise<string[]> {
  const { run } = await machinePaths(linuxHost, root);
  const named = (path: string): string => path.replace(root, 'ROOT').replace(run, 'RUN');
  const table = await linuxHost.mounts.table();
  const loops = await linuxHost.devices.loops();
  return [
    ...table.filter(({ target }) => named(target) !== target).map((e) => `${e.fstype} ${named(e.target)}`),
    ...loops.filter(({ file }) => named(file) !== file).map(({ file }) => `loop ${named(file)}`),
  ].sort();
}

/** The kernel gives loop devices back a moment after their last user has gone. */
async function settledMounts(root: string, wanted: readonly string[]): Promise<string[]> {
  for (let tries = 0; ; tries++) {
    const found = await mountsOf(root);
    if (tries === 200 || JSON.stringify(found) === JSON.stringify(wanted)) return found;
    await linuxHost.clock.sleep(50);
  }
}

async function seenOf(root: string): Promise<Seen | undefined> {
  const { exit, stdout, stderr } = await runHere(root, ['status']);
  if (exit === notInstalled) return undefined;
  if (exit !== 0) throw new Error(`status: ${stderr}`);
  type Status = Record<'running' | 'next', { generation: number; summary: string } | null> & {
    targets: { name: string; version: string; digest: string }[];
    floor: number;
  };
  const { running, next, targets, floor } = JSON.parse(stdout) as Status;
  const text = [running, next].map((one) => `${one?.generation} ${one?.summary}`).join('; ');
  const images = targets.map(({ name, version, digest }) => `${name} ${version} ${digest}`);
  return {
    running: running?.generation ?? 0,
    next: next?.generation,
    text: `${text}; ${images.join(', ')}; floor ${floor}`,
  };
}

const notInstalled = 9;

/** All of a machine but what differs from run to run: times, and so the ids of commits. */
export async function machineOf(root: string): Promise<unknown> {
  const { stdout } = await runHere(root, ['log']);
  type Entry = {
    generation: number;
    summary: string;
    roles: string[];
    notes: { kind: string; reason: string }[];
  };
  const log = JSON.parse(stdout || '[]') as Entry[];
  const files = Object.entries(treeOf(root)).filter(
    ([name]) => !/manifest\.git\/\.git\/|\.mos\/hashed\//.test(name),
  );
  const notesOf = ({ notes }: Entry) => notes.map(({ kind, reason }) => [kind, reason]);
  const repository = join(root, 'config/manifest.git');
  const refs = !existsSync(repository)
    ? ''
    : git(repository, 'for-each-ref', '--format=%(refname) %(tree)', 'refs/heads', 'refs/tags', 'refs/mos');
  return JSON.parse(
    JSON.stringify({
      log: log.map((entry) => [entry.generation, entry.summary, entry.roles, notesOf(entry)]),
      refs,
      files: Object.fromEntries(files),
    }).replaceAll(root, 'ROOT'),
  );
}

const git = (repository: string, ...words: string[]): string =>
  execFileSync('git', ['-C', repository, ...words], { encoding: 'utf8', stdio: 'pipe' });

/** Unfinished files of ours and of git; undisturbed runs leave none. */
const leftoversOf = (root: string): string[] =>
  (readdirSync(root, { recursive: true }) as string[]).filter((name) =>
    /\.mos-tmp-|\.mos\/partial\/|\.git\/.*(\.lock|tmp_obj_[^/]*)$/.test(name),
  );

/**
 * Right after a stop: the machine answers, is sound, and is the old or the new one; with `boots` also that it boots,
 * which sweeps what an interrupted mount left, as any next one does.
 */
export async function checkStopped(
  t: ExecutionContext,
  operation: Operation,
  expected: Expected,
  root: string,
  { what, boots }: { readonly what: string; readonly boots: boolean },
): Promise<void> {
  const seen = await seenOf(root);
  t.true(seen !== undefined || operation.isFirst, `${what}: nothing is installed any more`);
  if (seen === undefined) return;
  t.true([expected.before?.text, expected.after?.text].includes(seen.text), `${what}: ${seen.text}`);
  if (!operation.isFirst) checkEsp(t, root, seen.running, what);
  const verified = await runHere(root, ['verify']);
  t.is(verified.exit, 0, `${what}: verify: ${verified.stdout}${verified.stderr}`);
  git(join(root, 'config/manifest.git'), 'fsck', '--full', '--strict');
  if (boots) await checkBoot(t, seen, root, what);
}

/**
 * Every entry that says what to start has its boot file, whole; and what runs has one of them, its own or that of a generation
 * that boots alike. The boot loader passes over one that says nothing.
 */
function checkEsp(t: ExecutionContext, root: string, running: number, what: string): void {
  const esp = join(root, 'boot/efi');
  if (!existsSync(join(esp, 'EFI/mos'))) return;
  const entries: string[] = [];
  for (const name of readdirSync(join(esp, 'loader/entries'))) {
    const text = readFileSync(join(esp, 'loader/entries', name), 'utf8');
    const [, path, digest = ''] = /^efi (\/EFI\/mos\/([0-9a-f]{64})\.efi)$/m.exec(text) ?? [];
    if (path === undefined) continue;
    t.is(hash('sha256', readFileSync(join(esp, path)), 'hex'), digest, `${what}: the boot file of ${name}`);
    entries.push(name);
  }
  t.true(
    entries.some((name) => Number(/^mos-(\d+)/.exec(name)?.[1]) <= running),
    `${what}: generation ${running} has no entry: ${entries}`,
  );
}

/** What the next boot takes and what runs now can be mounted, and have the files of their version. */
async function checkBoot(t: ExecutionContext, seen: Seen, root: string, what: string): Promise<void> {
  const integrity = 'digest';
  const [boot, data] = [`${root}.boot`, `${root}.data`];
  const booted = `${(await machinePaths(linuxHost, root)).run}/booted.json`;
  const before = existsSync(booted) ? readFileSync(booted) : undefined;
  try {
    const mounted = await mount(
      linuxHost,
      { root, target: 'data', dest: data, readonly: true, integrity, access: {}, builtAt: new Date(0) },
      () => {},
    );
    t.deepEqual(readdirSync(data), ['base', mounted.version], what);
    t.is(mounted.generation, seen.running, what);
    const next = await createBootFs(linuxHost, { root, dest: boot, readonly: true, integrity }, () => {});
    t.deepEqual(readdirSync(boot), [next.version], what);
    t.is(next.generation, seen.next ?? seen.running, what);
  } finally {
    for (const at of [data, boot]) {
      await umount(linuxHost, { root, what: at }).catch(() => {});
      await rm(at, { recursive: true, force: true });
    }
    await rm(booted, { force: true });
    if (before !== undefined) writeFileSync(booted, before);
  }
}

/**
 * The same command again. One that had done all and was stopped afterwards has nothing to do any more: an install says
 * that there is one.
 */
export function checkAgain(
  t: ExecutionContext,
  operation: Operation,
  { exit, output }: { readonly exit: number; readonly output: string },
  { what, isDone }: { readonly what: string; readonly isDone: boolean },
): void {
  const isRefused = operation.isFirst && isDone && exit === installedAlready;
  t.true(exit === 0 || isRefused, `${what}, again: ${exit} ${output}`);
}

const installedAlready = 8;

/** The same command has ended: all is as if nobody had disturbed it, and goes when it is taken down. */
export async function checkCompleted(
  t: ExecutionContext,
  expected: Expected,
  root: string,
  what: string,
): Promise<void> {
  t.deepEqual(await machineOf(root), expected.machine, what);
  t.deepEqual(leftoversOf(root), [], what);
  t.deepEqual(await settledMounts(root, expected.mounts), expected.mounts, what);
  const seen = await seenOf(root);
  t.is(seen?.text, expected.after?.text, what);
  if (seen !== undefined) await checkBoot(t, seen, root, what);
  await umount(linuxHost, { root, all: true });
  t.deepEqual(await settledMounts(root, []), [], what);
  const { run } = await machinePaths(linuxHost, root);
  t.deepEqual(readdirSync(`${run}/molecules`), [], what);
}
