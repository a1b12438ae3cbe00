<?php
// php install.php: makes the WordPress with the prefix wp, which the others are copies of.
define( 'WP_INSTALLING', true );
$_SERVER['HTTP_HOST'] = 'template.test';
$_SERVER['REQUEST_URI'] = '/';
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
$_SERVER['IGNY8_SITE'] = 'wp';
require $argv[1] . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
add_filter( 'pre_wp_mail', '__return_true' );
wp_install( 'A test', 'admin', 'admin@example.com', true, '', wp_generate_password() );
foreach ( get_posts( array( 'post_type' => 'any', 'post_status' => 'any', 'numberposts' => -1 ) ) as $post ) {
	wp_delete_post( $post->ID, true );
}
switch_theme( 'plain' );
global $wp_rewrite;
$wp_rewrite->set_permalink_structure( '/%postname%/' );
flush_rewrite_rules( false );
$passwords = array();
foreach ( array( 'editor', 'author', 'contributor', 'subscriber' ) as $role ) {
	$user = wp_insert_user(
		array(
			'user_login'   => $role,
			'user_pass'    => wp_generate_password(),
			'user_email'   => "$role@example.com",
			'display_name' => ucfirst( $role ) . ' Person',
			'role'         => $role,
		)
	);
	list( $passwords[ $role ] ) = WP_Application_Passwords::create_new_application_password( $user, array( 'name' => 'igny8' ) );
}
list( $passwords['admin'] ) = WP_Application_Passwords::create_new_application_password( 1, array( 'name' => 'igny8' ) );
echo json_encode( array( 'version' => $GLOBALS['wp_version'], 'passwords' => $passwords ) );
