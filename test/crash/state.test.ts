import test from 'ava';
import { campaign, powerCuts } from '../state/campaign.ts';

test('stopped at each mutation of a first install, the state is nothing or new, and completes', campaign, []);
test('stopped at each mutation of an update, the state is old or new, and completes', campaign, ['old']);
test('a power cut that loses unsynced names loses no generation', powerCuts, 'nothing');
test('a power cut that keeps names and loses bytes loses no generation', powerCuts, 'names');
test('a power cut that keeps half of the names loses no generation', powerCuts, 'half');
