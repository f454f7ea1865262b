// Well-known providers: what a preset says where a connection says nothing. One each beside it.
import { apple } from './apple.js';
import { github } from './github.js';
import { gitlab } from './gitlab.js';
import { google } from './google.js';
import { microsoft } from './microsoft.js';
import type { Preset } from './preset.js';

const presets = { google, microsoft, github, apple, gitlab } as const satisfies Record<string, Preset>;

export const PRESETS = ['google', 'microsoft', 'github', 'apple', 'gitlab'] as const satisfies (keyof typeof presets)[];
export type PresetName = keyof typeof presets;

export const presetOf = (name: PresetName): Preset => presets[name];
