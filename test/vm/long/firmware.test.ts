import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { describeMoment, type Recording, spread } from '../../helpers/disk-states.ts';
import { firmwareArguments, newVariables } from '../../helpers/firmware.ts';
import type { MachineKit } from '../../helpers/machine-kit.ts';
import { commandLine } from '../../helpers/vm.ts';
import { bootOnce, type CutMachine, contents, copyDisk, makeCutMachine } from '../cuts/machine.ts';
import { type Phase, phases, recordLife } from '../cuts/recording.ts';
import { checkDisk } from '../cuts/state.ts';

// Power cuts of a machine that firmware and boot loader start, under Secure Boot: the loader lowers counters by renaming
// files on the ESP, and who proves good ends them by another rename.

const cuts = 24;

let machine: CutMachine;
let life: Recording;
/** The firmware's memory, as it is after the first boot: keys and boot entries. */
let variables: string;
const hooks: (() => unknown)[] = [];

/** Each with a command line, and so a build id, of its own. */
async function bootkit(kit: MachineKit, name: string): Promise<string> {
  const folder = join(kit.folder, name);
  const parts = ['--kernel', 'build/kernel', '--preinit', 'build/preinit'];
  const line = `${commandLine} mos-test-${name}`;
  await kit.command('mosb', 'bootkit', 'build', ...parts, '--command-line', line, 'vm', folder);
  return `oci:${resolve(folder, 'image')}:bootkit`;
}

test.before(async (t) => {
  const folder = mkdtempSync('/dev/shm/mos-cuts-');
  hooks.push(() => rmSync(folder, { recursive: true }));
  const owner = { teardown: (hook: () => unknown) => void hooks.push(hook) };
  machine = await makeCutMachine(owner, folder, bootkit);
  variables = join(folder, 'variables.fd');
  newVariables(variables);
  const enrolled = copyDisk(machine.disk, join(folder, 'enrolled.img'));
  await bootOnce({ disk: enrolled, firmware: firmwareArguments(variables), reboots: true });
  rmSync(enrolled);
  const own = join(folder, 'life.fd');
  copyFileSync(variables, own);
  life = await recordLife(t, machine, (disk) => ({ disk, firmware: firmwareArguments(own) }));
});
test.after.always(async () => {
  for (const hook of hooks.toReversed()) await hook();
});

/** While a generation is on trial the loader may also fall back. */
const allowed: Readonly<Record<Phase, readonly number[]>> = {
  ...phases,
  'reboot into it': [2, 3],
  'reboot after that': [3, 4],
};

test('after a power cut a machine comes up through firmware and boot loader, in the old or the new generation', async (t) => {
  const { folder, kit } = { folder: machine.kit.folder, kit: machine.kit };
  const all = life.moments(Object.keys(phases));
  const chosen = spread(all, cuts);
  for (const [index, moment] of chosen.entries()) {
    const what = describeMoment(moment);
    const generations = allowed[moment.phase as Phase];
    const [disk, own] = [join(folder, 'cut.img'), join(folder, 'cut.fd')];
    await life.take(moment, disk);
    copyFileSync(variables, own);
    await checkDisk(t, disk, { ca: kit.ca, generations, what });
    const seen = await bootOnce({ disk, firmware: firmwareArguments(own), reboots: true });
    t.true(generations.includes(seen.running), `${what}: it runs generation ${seen.running}`);
    t.is(seen.content, contents[seen.running] ?? 'no content', what);
    t.log(`${index + 1}: ${what}: generation ${seen.running}`);
  }
  t.log(`power cuts through firmware and boot loader: ${chosen.length} of ${all.length} moments`);
});
