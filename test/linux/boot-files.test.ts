import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type ErrorCode, hintOf, MosError } from '../../pkg/errors/index.ts';
import { renderLoaderSettings } from '../../pkg/esp/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { boot, bootComplete, update } from '../../pkg/system/index.ts';
import { giveTryBack } from '../../pkg/system/reboot.ts';
import { refused } from '../helpers/attacks.ts';
import { mosctl } from '../helpers/cli.ts';
import { makeEspMachine } from '../helpers/esp-machine.ts';
import { planFrom, updateFrom } from '../helpers/machine.ts';
import { treeOf } from '../helpers/tree.ts';

const first = { host: 'h1', data: 'd1', bootkit: 'k1' };

const statusOf = async (root: string) => {
  const { stdout } = await mosctl(root, 'status', '--json');
  const { running, next, good, warnings } = JSON.parse(stdout);
  const number = (one: { generation: number } | null) => one?.generation ?? null;
  return { running: number(running), next: number(next), good: number(good), warnings };
};

test('a first generation is counted, and proves good', async (t) => {
  const machine = await makeEspMachine(t, first);
  t.deepEqual(machine.files(), { entries: ['mos-1+3.conf'], bootFiles: ['k1'] });
  await machine.boot('mos-1+3.conf');
  t.deepEqual(machine.files().entries, ['mos-1+2-1.conf']);
  const booted = await boot(linuxHost, { root: machine.root, integrity: 'digest' }, () => {});
  t.deepEqual([booted.generation, booted.good], [1, false], 'the health gate judges');
  t.deepEqual(await machine.complete(), { generation: 1, provedGood: true, failed: [] });
  t.deepEqual(machine.files(), { entries: ['mos-1.conf'], bootFiles: ['k1'] });
  t.like(await statusOf(machine.root), { running: 1, good: 1 });
});

test('what boots a machine without a bootkit is not ours to change', async (t) => {
  const machine = await makeEspMachine(t, { host: 'h1', data: 'd1' });
  const { root, esp } = machine;
  mkdirSync(join(esp, 'EFI/mos'), { recursive: true });
  writeFileSync(join(esp, 'EFI/mos/mos-1.efi'), 'by hand');
  writeFileSync(join(esp, 'loader/entries/mos-1.conf'), 'title by hand\nefi /EFI/mos/mos-1.efi\n');
  const before = treeOf(esp);
  await machine.boot('mos-1.conf');
  await boot(linuxHost, { root, integrity: 'digest' }, () => {});
  await machine.complete();
  t.deepEqual(treeOf(esp), before);
  // The first bootkit comes beside it, and the way back stays.
  await updateFrom(root, await machine.release(2, first));
  t.deepEqual(machine.files(), { entries: ['mos-1.conf', 'mos-2+3.conf'], bootFiles: ['k1', 'mos-1.efi'] });
});

test('a boot loader that was not written to its end is written again, one of somebody else stays', async (t) => {
  const { root, esp, release } = await makeEspMachine(t, { host: 'h1', data: 'd1' });
  const loader = join(esp, 'EFI/BOOT/BOOTX64.EFI');
  mkdirSync(join(esp, 'EFI/BOOT'), { recursive: true });
  const update = async (number: number, bootkit: string): Promise<string> => {
    await updateFrom(root, await release(number, { ...first, bootkit }));
    return readFileSync(loader, 'utf8');
  };
  const theirs = 'title theirs\n';
  writeFileSync(loader, theirs);
  t.is(await update(2, 'k1'), theirs, 'without our settings');
  const settings = join(esp, 'loader/loader.conf');
  writeFileSync(settings, renderLoaderSettings('force'));
  t.is(await update(3, 'k2'), theirs, 'an entry says that it was whole');
  for (const name of readdirSync(join(esp, 'loader/entries'))) rmSync(join(esp, 'loader/entries', name));
  t.not(await update(4, 'k3'), theirs, 'it was begun by us, and never ended');
  t.is(readFileSync(settings, 'utf8'), renderLoaderSettings('force'));
});

test('a boot file boots the generations of its own bootkit only, whatever the entry says', async (t) => {
  const machine = await makeEspMachine(t, first);
  await updateFrom(machine.root, await machine.release(2, { ...first, bootkit: 'k2' }));
  const cannot = 'cannot boot generation 2: its entry started a boot file of';
  const started = (bootkit: string) =>
    machine.boot(
      readdirSync(join(machine.esp, 'loader/entries')).find((name) => name.startsWith('mos-2')) ?? '',
      bootkit,
    );
  const error = await t.throwsAsync(started('k1'), { code: 'untrusted', message: `${cannot} generation 1` });
  const how = 'the initrd of one bootkit, the entry of a generation that names another';
  refused(t, "a good UKI started by another generation's entry", how, String(error?.message), /^.*$/);
  await t.throwsAsync(started('k3'), {
    code: 'untrusted',
    message: `${cannot} no generation of this machine`,
  });
  t.false(existsSync(join(machine.root, 'sysroot/etc')), 'nothing was mounted');
});

test('an update of a service writes nothing to the ESP, and boots by the entry before', async (t) => {
  const machine = await makeEspMachine(t, first);
  await machine.boot('mos-1+3.conf');
  await boot(linuxHost, { root: machine.root, integrity: 'digest' }, () => {});
  await machine.complete();
  const before = treeOf(machine.esp);
  await updateFrom(machine.root, await machine.release(2, { ...first, data: 'd2' }));
  t.deepEqual(treeOf(machine.esp), before);
  await machine.boot('mos-1.conf');
  const booted = await boot(linuxHost, { root: machine.root, integrity: 'digest' }, () => {});
  t.deepEqual([booted.generation, booted.good], [2, true]);
});

test('a new bootkit is planned, staged, tried, given up, and not tried again until somebody says so', async (t) => {
  const machine = await makeEspMachine(t, first);
  const { root } = machine;
  await machine.boot('mos-1+3.conf');
  await boot(linuxHost, { root, integrity: 'digest' }, () => {});
  await machine.complete();
  const reference = await machine.release(2, { ...first, bootkit: 'k2' });
  const plan = await planFrom(update, root, reference);
  t.deepEqual(plan.esp && [plan.esp.takes, plan.esp.frees], [3 * 4096, 0]);
  t.deepEqual(machine.files().bootFiles, ['k1']);
  await updateFrom(root, reference);
  const staged = { entries: ['mos-1.conf', 'mos-2+3.conf'], bootFiles: ['k1', 'k2'] };
  t.deepEqual(machine.files(), staged);
  t.false((await updateFrom(root, reference)).changed);
  t.deepEqual(machine.files(), staged);

  for (const entry of ['mos-2+3.conf', 'mos-2+2-1.conf', 'mos-2+1-2.conf']) await machine.boot(entry);
  await machine.boot('mos-1.conf');
  const { failed } = await machine.complete();
  t.is(failed[0]?.generation, 2);
  t.regex(failed[0]?.reason ?? '', /^its 3 tries are used up; it never came so far as to say why/);
  t.deepEqual(machine.files(), { entries: ['mos-1.conf'], bootFiles: ['k1'] });
  const { warnings, ...roles } = await statusOf(root);
  t.deepEqual(roles, { running: 1, next: null, good: 1 });
  t.true(warnings.some((text: string) => text.startsWith('generation 2 failed: its 3 tries are used up')));
  t.regex((await mosctl(root, 'why')).stdout, /generation 2 bad: its 3 tries are used up/);

  const again = await mosctl(root, 'update', reference);
  t.is(again.exit, 9);
  t.regex(again.stderr, /as generation 2 it did not prove good: its 3 tries.*\n {2}--retry tries it again/);
  t.is((await mosctl(root, 'update', '--retry', reference)).exit, 0);
  t.deepEqual(machine.files(), { entries: ['mos-1.conf', 'mos-3+3.conf'], bootFiles: ['k1', 'k2'] });
});

test('a generation whose files are not mounted does not prove good, and its own words say why it failed', async (t) => {
  const machine = await makeEspMachine(t, first);
  const { root } = machine;
  await machine.boot('mos-1+3.conf');
  const error = await t.throwsAsync(machine.complete());
  t.is(error?.message, 'cannot mark generation 1 good: data is not mounted');
  t.deepEqual(machine.files().entries, ['mos-1+2-1.conf']);
  t.regex((await mosctl(root, 'log')).stdout, /remark: try 1 of 3 did not prove good: data is not mounted/);
  await giveTryBack(linuxHost, root);
  t.deepEqual(machine.files().entries, ['mos-1+3.conf'], 'a reboot that is asked for is no failure');
});

test('what keeps a generation from proving good ends its try, and one that is all there is runs on', async (t) => {
  const machine = await makeEspMachine(t, first);
  const { root } = machine;
  let reboots = 0;
  const judge = (files: Partial<Host['files']> = {}) =>
    bootComplete(
      { ...linuxHost, files: { ...linuxHost.files, ...files } },
      { root, stable: 0, limit: 0, reboot: async () => void reboots++ },
      () => {},
    );
  const lock = (code: ErrorCode) => async () => {
    throw new MosError(code, 'cannot lock it');
  };
  const list = async (): Promise<string[]> => {
    throw new MosError('io', 'cannot read it');
  };
  await machine.boot('mos-1+3.conf');
  await t.throwsAsync(judge({ lock: lock('no-space') }), { message: /^cannot mark generation 1 good: data/ });
  t.is(reboots, 1, 'the history could not be written');
  await boot(linuxHost, { root, integrity: 'digest' }, () => {});
  await t.throwsAsync(judge({ list }), { message: 'cannot read it' });
  t.is(reboots, 2, 'it could not be judged');
  await t.throwsAsync(judge({ lock: lock('busy') }), { code: 'busy' });
  t.is(reboots, 2, 'it was well, and another one had the lock');
  await machine.boot('mos-1+2-1.conf');
  await machine.boot('mos-1+1-2.conf');
  await t.throwsAsync(judge(), { message: /^cannot mark generation 1 good: data is not mounted/ });
  t.is(reboots, 3);
  await machine.boot('mos-1+0-3.conf');
  const error = await t.throwsAsync(judge());
  t.is(hintOf(error), 'there is nothing else to boot, so it runs on; mosctl boot-complete judges it again');
  t.is(reboots, 3);
  await boot(linuxHost, { root, integrity: 'digest' }, () => {});
  t.like(await judge(), { generation: 1, provedGood: true });
  t.deepEqual(machine.files().entries, ['mos-1.conf']);
});

test('a rollback has an entry of its own, and old boot files go with generations that are not kept', async (t) => {
  const machine = await makeEspMachine(t, first);
  const { root } = machine;
  const prove = async (entry: string) => {
    await machine.boot(entry);
    await boot(linuxHost, { root, integrity: 'digest' }, () => {});
    await machine.complete();
  };
  await prove('mos-1+3.conf');
  await updateFrom(root, await machine.release(2, { ...first, bootkit: 'k2' }));
  await prove('mos-2+3.conf');
  t.deepEqual(machine.files(), { entries: ['mos-1.conf', 'mos-2.conf'], bootFiles: ['k1', 'k2'] });
  t.is((await mosctl(root, 'rollback')).exit, 0);
  t.deepEqual(machine.files().entries, ['mos-1.conf', 'mos-2.conf', 'mos-3+3.conf']);
  await prove('mos-3+3.conf');
  t.like(await statusOf(root), { running: 3, good: 3 });
  for (const number of [4, 5, 6]) {
    await updateFrom(root, await machine.release(number, { ...first, bootkit: `k${number}` }));
    await prove(`mos-${number}+3.conf`);
  }
  t.deepEqual(machine.files(), {
    entries: ['mos-4.conf', 'mos-5.conf', 'mos-6.conf'],
    bootFiles: ['k4', 'k5', 'k6'],
  });
});

test('an entry for what does not wait is refused, and so is one that names what is gone', async (t) => {
  const machine = await makeEspMachine(t, first);
  const { root } = machine;
  await updateFrom(root, await machine.release(2, { ...first, bootkit: 'k2' }));
  await updateFrom(root, await machine.release(3, { ...first, bootkit: 'k3' }));
  t.deepEqual(machine.files(), { entries: ['mos-1+3.conf', 'mos-3+3.conf'], bootFiles: ['k1', 'k3'] });
  writeFileSync(join(machine.esp, 'loader/entries/mos-2+3.conf'), '');
  await t.throwsAsync(machine.boot('mos-2+3.conf'), {
    message:
      'cannot boot generation 2: its boot entry is a counted one, and it is not what waits for this boot',
  });
  writeFileSync(join(machine.esp, 'loader/entries/mos-9.conf'), '');
  await t.throwsAsync(machine.boot('mos-9.conf'), { message: /cannot find generation 9/ });
});

test('a full ESP is refused before anything is written', async (t) => {
  const machine = await makeEspMachine(t, first);
  const full = {
    ...linuxHost,
    files: {
      ...linuxHost.files,
      space: async (path: string) => {
        const space = await linuxHost.files.space(path);
        return path === machine.esp ? { ...space, free: 8191 } : space;
      },
    },
  };
  const before = treeOf(machine.root, /(?!)/);
  const reference = await machine.release(2, { ...first, bootkit: 'k2' });
  const options = { root: machine.root, reference, access: {}, builtAt: new Date(0) };
  const { parseReference } = await import('../../pkg/oci/index.ts');
  await t.throwsAsync(
    update(full, { ...options, reference: parseReference(reference) }, () => {}),
    {
      message: 'cannot put the boot files on the ESP: they take 16384 bytes, it has room for 8191',
    },
  );
  t.deepEqual(treeOf(machine.root, /(?!)/), before);
});

test('after gc kept one generation only, or an old bootkit was lost, updates go on', async (t) => {
  const machine = await makeEspMachine(t, first);
  const { root, files } = machine;
  const prove = async (number: number): Promise<void> => {
    await machine.boot(`mos-${number}+3.conf`);
    await boot(linuxHost, { root, integrity: 'digest' }, () => {});
    t.like(await machine.complete(), { generation: number, provedGood: true });
  };
  const bring = async (number: number): Promise<void> => {
    await updateFrom(root, await machine.release(number, { ...first, bootkit: `k${number}` }));
    await prove(number);
  };
  await prove(1);
  await bring(2);
  await bring(3);
  t.deepEqual(files().entries, ['mos-1.conf', 'mos-2.conf', 'mos-3.conf']);
  t.is((await mosctl(root, 'gc', '--keep', '1')).exit, 0);
  t.deepEqual(files(), { entries: ['mos-3.conf'], bootFiles: ['k3'] });
  await bring(4);
  t.deepEqual(files(), { entries: ['mos-3.conf', 'mos-4.conf'], bootFiles: ['k3', 'k4'] });

  rmSync(join(root, 'atomfs-cache/mos/blobs/sha256', await bootkitManifest(root, 3)));
  await updateFrom(root, await machine.release(5, { ...first, bootkit: 'k5' }));
  t.deepEqual(files().entries, ['mos-4.conf', 'mos-5+3.conf']);
});

/** The file of the image in the store. */
async function bootkitManifest(root: string, generation: number): Promise<string> {
  const { stdout } = await mosctl(root, 'diff', '--json', `${generation - 1}`, `${generation}`);
  const { changes } = JSON.parse(stdout);
  const { to } = changes.find((change: { name: string }) => change.name === 'bootkit');
  return String(to.digest).slice('sha256:'.length);
}

test('a boot file that is cut or changed on the ESP is written again', async (t) => {
  const machine = await makeEspMachine(t, first);
  const folder = join(machine.esp, 'EFI/mos');
  const [name = ''] = readdirSync(folder);
  appendFileSync(join(folder, name), 'x');
  t.is((await mosctl(machine.root, 'gc')).exit, 0);
  t.deepEqual(machine.files(), { entries: ['mos-1+3.conf'], bootFiles: ['k1'] });
  t.is((await linuxHost.files.stat(join(folder, name)))?.size, 5000);
});

test('an ESP that is not mounted, or damaged beyond repair, is told of before anything changes, and filled again', async (t) => {
  const machine = await makeEspMachine(t, first);
  const { root, esp } = machine;
  await machine.boot('mos-1+3.conf');
  await boot(linuxHost, { root, integrity: 'digest' }, () => {});
  await machine.complete();
  const whole = treeOf(esp);
  rmSync(esp, { recursive: true });
  mkdirSync(esp);
  const before = treeOf(join(root, 'config'));
  const reference = await machine.release(2, { ...first, bootkit: 'k2' });
  const refused = await mosctl(root, 'update', reference);
  t.is(refused.exit, 9);
  t.regex(refused.stderr, /cannot use the boot files: the ESP is not mounted at \S+\n {2}mount it; one that fsck.vfat can't repair is made anew/); // biome-ignore format: one line
  t.deepEqual(treeOf(join(root, 'config')), before);
  mkdirSync(join(esp, 'loader/entries'), { recursive: true });
  t.is((await mosctl(root, 'gc')).exit, 0);
  t.deepEqual(treeOf(esp), whole);
});

test('an update that fails at its last step takes back its own entry, and not that of another one which it mended', async (t) => {
  const machine = await makeEspMachine(t, first);
  const { root, esp } = machine;
  await machine.boot('mos-1+3.conf');
  await boot(linuxHost, { root, integrity: 'digest' }, () => {});
  await machine.complete();
  const whole = treeOf(esp);
  appendFileSync(join(esp, 'loader/entries/mos-1.conf'), 'options quiet\n');
  const { parseReference } = await import('../../pkg/oci/index.ts');
  const reference = parseReference(await machine.release(2, { ...first, bootkit: 'k2' }));
  let failures = 0;
  const { files, processes } = linuxHost;
  const isWritten = () => existsSync(join(esp, 'loader/entries/mos-2+3.conf'));
  const failing = {
    ...linuxHost,
    files: {
      ...files,
      create: (async (path, options) => {
        if (failures === 0 && path.startsWith(join(root, 'config')) && isWritten()) fail();
        return files.create(path, options);
      }) satisfies typeof files.create,
    },
    processes: {
      ...processes,
      run: (async (argv, options) => {
        if (failures === 0 && isWritten()) fail();
        return processes.run(argv, options);
      }) satisfies typeof processes.run,
    },
  };
  const fail = (): never => {
    failures++;
    throw new Error('the disk is full');
  };
  await t.throwsAsync(
    update(failing, { root, reference, access: {}, builtAt: new Date(0) }, () => {}),
    {
      message: /the disk is full/,
    },
  );
  t.is(failures, 1);
  t.deepEqual(treeOf(esp), whole);
});
