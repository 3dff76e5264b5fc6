import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import small from '../../../layouts/disks/small.json' with { type: 'json' };
import { firmwareArguments, newVariables } from '../../helpers/firmware.ts';
import { type MediumKit, makeMediumKit, seedDrive, usbStick } from '../../helpers/live-medium.ts';
import { buses, Machine } from '../../helpers/vm.ts';

// Machines that one can touch: the medium is a USB stick, the disk is connected by SATA, or is an NVMe one. With the kernel
// of Debian that has drivers for them.

let kit: MediumKit;
let medium: string;

test.before(async (t) => {
  t.timeout(10 * 60_000);
  kit = await makeMediumKit('hardware', 'build/kernel-full');
  const live = await kit.publishLive('install');
  medium = await kit.make('mkboot', 'live.iso', '--enrol', '--add', kit.install, 'vm:default', live);
});
test.after.always(() => kit && rmSync(kit.folder, { recursive: true }));

test.serial('the boot files have the drivers of disks, within their budget', async (t) => {
  const file = join(kit.folder, 'bootkit/uki-production.efi');
  const { budget } = JSON.parse(await kit.command('mosb', 'bootkit', 'inspect', '--json', file));
  type Line = { what: string; bytes: number; budget: number };
  const lines = budget as Line[];
  t.deepEqual(
    lines.filter((line) => line.bytes > line.budget),
    [],
  );
  const drivers = lines.find(({ what }) => what === 'drivers of disks');
  t.true((drivers?.bytes ?? 0) > 4_000_000);
  t.log(lines.map(({ what, bytes }) => `${what}: ${bytes}`).join(', '));
});

type Bus = keyof typeof buses;

const installs = test.macro({
  async exec(t: ExecutionContext, bus: Bus, disk: RegExp) {
    t.timeout(20 * 60_000);
    const variables = join(kit.folder, `${bus}.fd`);
    newVariables(variables);
    const seed = kit.seed(
      'inst-data',
      {
        'url.txt': 'zot:/run/mos/medium/oci:machine/install:1\n',
        'layout.json': JSON.stringify(small),
        unencrypted: '',
      },
      bus,
    );
    const machine = new Machine({
      ...{ disk: kit.emptyDisk(`${bus}.img`), bus: buses[bus], reboots: true },
      ...{ firmware: firmwareArguments(variables), qemu: [...usbStick(medium), ...seedDrive(seed)] },
    });
    t.teardown(() => machine.stop());
    await machine.waitFor(/mos: live system 1\.0\.0 of zot:/, 'the live system', 600);
    await machine.waitFor(/installed successfully/, 'the end of the install', 600);
    await machine.login('mos', 600);
    const device = "$(sed -n 's#^/dev/\\(\\S*\\) /config .*#\\1#p' /proc/mounts)";
    t.regex(await machine.run(`readlink -f /sys/class/block/${device}`), disk);
    t.like(JSON.parse(await machine.run('mosctl status --json')), { running: { generation: 1 } });
    t.log(
      await machine.run('cat /proc/modules | grep -E "^(ahci|nvme|usb_storage|xhci_pci) " | cut -d" " -f1,2'),
    );
    await machine.stop();
  },
  title: (_, bus) => `from a USB stick a machine is installed on its disk by ${bus}, and boots from there`,
});
test.serial(installs, 'ahci', /\/ata\d+\/.*\/sd[ab]\/sd[ab]2$/m);
test.serial(installs, 'nvme', /\/nvme0n1\/nvme0n1p2$/m);
