import type { Program } from '../cli/command.ts';
import { activate } from './activate.ts';
import { boot } from './boot.ts';
import { bootComplete } from './boot-complete.ts';
import { completion } from './completion.ts';
import { createBootFs } from './create-boot-fs.ts';
import { diff } from './diff.ts';
import { gc } from './gc.ts';
import { hold } from './hold.ts';
import { initrdSetup } from './initrd-setup.ts';
import { install } from './install.ts';
import { live } from './live.ts';
import { log } from './log.ts';
import { mirrorAdd, mirrorList, mirrorRemove } from './mirror.ts';
import { mount } from './mount.ts';
import { pin } from './pin.ts';
import { provision } from './provision.ts';
import { reboot } from './reboot.ts';
import { receiptShow, receiptVerify } from './receipt.ts';
import { recover } from './recover.ts';
import { rollback } from './rollback.ts';
import { serve } from './serve.ts';
import { exec, logs, ps, restart, shell, stop, supervise } from './services.ts';
import { status } from './status.ts';
import { supportBundle } from './support-bundle.ts';
import { ticketAccept } from './ticket.ts';
import { umount } from './umount.ts';
import { update } from './update.ts';
import { updateSettings } from './update-settings.ts';
import {
  updateActivate,
  updateApply,
  updateCheck,
  updateDeactivate,
  updatePrepare,
  updateStatus,
} from './updates.ts';
import { verify } from './verify.ts';
import { volumeList, volumePurge } from './volume.ts';
import { why } from './why.ts';

export const mosctl: Program = {
  name: 'mosctl',
  summary: 'Runs a machine whose whole operating system is a set of signed OCI images.',
  groups: {
    volume: 'what services keep',
    receipt: 'what the machine signs of its generations',
    mirror: 'where images are looked for first',
    ticket: 'permissions to go back',
  },
  commands: [
    ...[provision, recover, initrdSetup, live],
    ...[
      install,
      update,
      rollback,
      ticketAccept,
      activate,
      boot,
      bootComplete,
      reboot,
      createBootFs,
      mount,
      umount,
    ],
    ...[updateStatus, updateCheck, updatePrepare, updateActivate, updateDeactivate, updateApply],
    ...[updateSettings, hold],
    ...[volumeList, volumePurge],
    ...[mirrorList, mirrorAdd, mirrorRemove],
    ...[stop, restart, ps, logs, exec, shell, supervise],
    ...[receiptShow, receiptVerify],
    ...[status, log, diff, why, verify, pin, gc, supportBundle, serve, completion],
  ],
};
